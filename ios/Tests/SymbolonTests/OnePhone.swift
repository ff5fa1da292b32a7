import Testing

/// All tests, one after the other: there is one simulated phone.
@Suite(.serialized) enum OnePhone {}
