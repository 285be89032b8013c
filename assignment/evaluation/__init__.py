"""Measuring, for any descriptors: who is nearest to whom, and every figure that follows from it."""
