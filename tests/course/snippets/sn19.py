# Deck 2, RMSprop: line breaks added; the model is the reader's.
from keras.optimizers import RMSprop
# Define RMSProp optimizer with specific learning rate and decay
optimizer = RMSprop(learning_rate=0.001, rho=0.9)
# Compile the model with Cross-Entropy Loss and RMSProp optimizer
model.compile(optimizer=optimizer, loss='categorical_crossentropy', metrics=['accuracy'])
