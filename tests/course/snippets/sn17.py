# Deck 2, SGD: parenthesis and underscore added; the model is the reader's.
from keras.optimizers import SGD
# Define SGD optimizer
optimizer = SGD(learning_rate=0.01, # Initial learning rate
               decay=1e-6, # Learning rate decay over each update
               momentum=0.9 # Parameter that accelerates SGD in the relevant direction
               )
# Compile the model with Cross-Entropy Loss and SGD optimizer
model.compile(optimizer=optimizer,
              loss='categorical_crossentropy',
              metrics=['accuracy'])
