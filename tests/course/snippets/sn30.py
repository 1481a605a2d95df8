# Deck 4, activations compared: as printed, and the two dictionaries that the slide describes; get_model and data are the reader's.
# Activation functions to try
activations = ['relu', 'leaky_relu', 'sigmoid', 'tanh']


# Loop over the activation functions
activation_results = {}

for act in activations:
    # Get a new model with the current activation
    model = get_model(act_function=act)
    # Fit the model
    history = model.fit(X_train, y_train, validation_data=(X_test,y_test), epochs=100, verbose=0)
    activation_results[act] = history

val_loss_per_function = {k: v.history['val_loss'] for k, v in activation_results.items()}
val_acc_per_function = {k: v.history['val_acc'] for k, v in activation_results.items()}
