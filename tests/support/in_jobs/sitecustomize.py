"""What tests do to training jobs, which are processes of their own.

Python runs this file at its start where its folder is in PYTHONPATH; `support.job_factory` puts it
there and says in variables what is wanted.
"""

import os
import signal
import sys

IS_JOB = "maskwatch.training.jobs.job" in sys.orig_argv

if IS_JOB and "SHORT_BASE" in os.environ:
    from support.short_base import short_base

    short_base().start()

if IS_JOB and "HELD_AFTER_EPOCH" in os.environ:
    # it waits after that epoch until it is stopped or killed, so how far it is by then does not
    # depend on how fast the machine is
    from maskwatch.training.run_folder import RunFolder

    end_epoch = RunFolder.end_epoch

    def end_epoch_and_wait(self, epoch, *rest):
        end_epoch(self, epoch, *rest)
        if epoch + 1 == int(os.environ["HELD_AFTER_EPOCH"]):
            signal.pause()

    RunFolder.end_epoch = end_epoch_and_wait
