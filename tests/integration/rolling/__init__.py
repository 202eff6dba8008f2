"""Two later releases of the product, processes that are replaced one at a time, and the load on them meanwhile."""
