"""Summaries for TensorBoard of moving statistics, of the batch's, and of how far they are apart."""
