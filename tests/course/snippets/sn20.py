# Deck 2, Adam: underscores added, a broken comment joined; the model is the reader's.
from keras.optimizers import Adam
# Define Adam optimizer
# beta_1: Exponential decay rate for 1st moment estimate
# beta_2: Exponential decay rate for 2nd moment estimate
# epsilon: Small value to prevent division by zero
optimizer = Adam(learning_rate=0.001, beta_1=0.9,
beta_2=0.999, epsilon=1e-8)
# Compile the model with Cross-Entropy Loss and Adam optimizer
model.compile(optimizer=optimizer,
              loss='categorical_crossentropy',
              metrics=['accuracy'])
