"""One job, planned: hour, region and fraction for every learner, beside the optima.

==============  ====================================================================================
module          what is in it
==============  ====================================================================================
``request``     the job as the user states it, checked against the data; no JAX
``prices``      what a plan takes for the prices: measured ones, and the forecast after them; no JAX
``task``        what is to be planned: data read, the job checked against them; no JAX
``playing``     learners and optima on the job
``result``      the schedules, and all of them as a table; no JAX
``plan``        :func:`jaxsoco.allocation.plan`
==============  ====================================================================================
"""
