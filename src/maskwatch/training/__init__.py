"""From public pictures to a model card; nothing at run time imports this package."""

import os

# TensorFlow reads these when it is first imported; what a user has set wins.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # its start-up chatter tells a user nothing
# off by default on processors without AVX-512, where it makes training 1.6 times faster as well
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
