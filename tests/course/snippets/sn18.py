# Deck 2, AdaGrad: underscores added, a broken comment joined; the model is the reader's.
from keras.optimizers import Adagrad
# Define AdaGrad optimizer
# Initial accumulator value: Small value
# to avoid division by 0
optimizer = Adagrad(learning_rate=0.01,
                    initial_accumulator_value=0.1)
# Compile the model with Cross-Entropy Loss and AdaGrad optimizer
model.compile(optimizer=optimizer,
              loss='categorical_crossentropy',
              metrics=['accuracy'])
