"""Networks: generators, discriminators, the frozen critic."""
