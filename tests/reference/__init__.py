"""A third opinion: what each layer answers, in float64 NumPy, written from the papers and Keras' documentation."""
