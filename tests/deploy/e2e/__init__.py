"""The manifests on a real control plane: `make k8s-e2e`."""
