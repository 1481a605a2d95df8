# Deck 4, save, load, predict: one file name for both; model and data are the reader's.
from keras.models import load_model
model.save('model_file.h5')

my_model = load_model('model_file.h5')

predictions = my_model.predict(data_to_predict_with)

my_model.summary()
