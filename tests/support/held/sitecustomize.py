"""A training job waits after an epoch until it is stopped or killed.

So how far it is by then does not depend on how fast the machine is. Python runs this file at its
start where its folder is in PYTHONPATH; `support.job_factory.hold` puts it there.
"""

import os
import signal

from maskwatch.training.run_folder import RunFolder

end_epoch = RunFolder.end_epoch


def end_epoch_and_wait(self, epoch, *rest):
    end_epoch(self, epoch, *rest)
    if epoch + 1 == int(os.environ["HELD_AFTER_EPOCH"]):
        signal.pause()


RunFolder.end_epoch = end_epoch_and_wait
