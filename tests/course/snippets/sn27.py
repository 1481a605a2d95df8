# Deck 4, regression in Keras: call-outs removed, underscores and a parenthesis added; the data are the reader's.
import numpy as np
from keras.layers import Dense
from keras.models import Sequential
n_cols = predictors.shape[1]
model = Sequential()
model.add(Dense(100, activation='relu', input_shape=(n_cols,)))
model.add(Dense(100, activation='relu'))
model.add(Dense(1))
model.compile(optimizer='adam', loss='mean_squared_error')
model.fit(predictors, target, validation_split=0.3)
