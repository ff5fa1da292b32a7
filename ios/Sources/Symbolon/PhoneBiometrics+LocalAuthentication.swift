// Apart from the import of Apple's module of the same name.
extension PhoneBiometrics: LocalAuthentication {}
