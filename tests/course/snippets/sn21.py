# Deck 2, L1 and L2: l1 and l2 were misread as 11 and 12.
from tensorflow.keras.models import Sequential
from tensorflow.keras.layers import Dense
from tensorflow.keras.regularizers import l1, l2
# Define the model
model = Sequential([
    Dense(64, input_shape=(10,), activation='relu', kernel_regularizer=l1(0.01)),
    Dense(32, activation='relu', kernel_regularizer=l2(0.01)),
    Dense(1, activation='sigmoid')
])
# Compile the model
model.compile(optimizer='adam', loss='binary_crossentropy', metrics=['accuracy'])
# Print model summary
model.summary()
