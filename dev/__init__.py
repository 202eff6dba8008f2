"""The machine room of a development stack: embedded servers, processes, ports and test servers."""
