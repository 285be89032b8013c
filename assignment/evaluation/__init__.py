"""Metrics of descriptors: retrieval, verification, few-shot classification and nearest-neighbour classification."""
