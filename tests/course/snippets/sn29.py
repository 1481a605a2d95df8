# Deck 4, early stopping: as printed; model and data are the reader's.
from keras.callbacks import EarlyStopping
early_stopping_monitor = EarlyStopping(patience=2)
model.fit(predictors, target, validation_split=0.3, nb_epoch=20,callbacks = [early_stopping_monitor])
