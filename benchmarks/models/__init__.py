"""Whole networks on the layers of tf.contrib: the same files run on tfbn, on the original, and on ops by hand.

Each network is a function of the layers' module, of batch_norm and of inputs. All keeps to Python 3.7, as steps.
"""
