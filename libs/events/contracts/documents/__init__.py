"""What is published of the contracts: schemas, examples, AsyncAPI and the page of the envelope, and their guard."""
