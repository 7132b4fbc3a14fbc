"""The door for networks: families, providers, the inference engine, the model store. Imports core and media only."""
