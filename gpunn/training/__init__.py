"""Training: the door (`data`), what is fused (`fuse`), a recorded step (`step`), epochs (`loop`), and Keras's face (`trainer`)."""
