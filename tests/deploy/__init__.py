"""What is deployed fits the code: containers, manifests, alerts."""
