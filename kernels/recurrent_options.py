"""What the recurrent kernels are asked for, one bit each."""

MASKED = 1  # mask (rows, steps) counts: where it is 0 the state stays as it is
REVERSED = 2  # from the last step to the first
IN_TIME = 4  # each output stands at its input's place; else in the order of the work
SEQUENCES = 8  # y gets every step's output
KEEP = 16  # what a backward pass needs is kept: hs, cs, q, r
DROP = 32  # the state enters the products times drop (rows, units)
ZERO = 64  # outputs of masked steps are 0, not the state; y then gets the last one where it does not get all
NO_DH = 128  # dh (dc) does not hold a gradient of the last state yet
NO_DC = 256
BITS = {name: value for name, value in globals().items() if name.isupper()}
