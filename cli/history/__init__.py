"""What happened: records, and the lives of pushes that they tell of.

It must not know what wrote a record.
"""
