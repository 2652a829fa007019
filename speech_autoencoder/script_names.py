"""The file names of the five scripts, for messages that say which one to run."""

TRAIN_DATA_GENERATOR = "train_data_generator.py"
TEST_DATA_GENERATOR = "test_data_generator.py"
TRAINER = "autoencoder_for_many_data.py"
EVALUATOR = "evaluate_for_many_data.py"
PREDICTOR = "predict_for_one_data.py"
