"""What a lot must be before it is stored: pure rules on the submission and the facts around it.

`examine` applies them all and records every failure, so that one answer says everything that is wrong.
"""
