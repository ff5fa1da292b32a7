// The names of Apple's Security framework that the package uses, with the values that Apple documents. What begins with an
// underscore is the simulated phone's, and no app can call it on a real one.
@_exported import Foundation

// Classes of CoreFoundation: so `as CFDictionary` is needed here exactly as on Apple's systems.
public typealias CFTypeRef = AnyObject
public typealias CFTypeID = UInt
public typealias CFString = NSString
public typealias CFData = NSData
public typealias CFDictionary = NSDictionary
public typealias CFError = NSError
public typealias CFAllocator = NSObject
public typealias OSStatus = Int32
nonisolated(unsafe) public let kCFAllocatorDefault: CFAllocator? = nil

public var errSecSuccess: OSStatus { 0 }
public var errSecParam: OSStatus { -50 }
public var errSecUserCanceled: OSStatus { -128 }
public var errSecNotAvailable: OSStatus { -25291 }
public var errSecAuthFailed: OSStatus { -25293 }
public var errSecDuplicateItem: OSStatus { -25299 }
public var errSecItemNotFound: OSStatus { -25300 }
public var errSecInteractionNotAllowed: OSStatus { -25308 }
public var errSecDecode: OSStatus { -26275 }
public var errSecMissingEntitlement: OSStatus { -34018 }
public var errSecInvalidKeyRef: OSStatus { -67712 }
public var errSecVerifyFailed: OSStatus { -67808 }

private func constant(_ text: String) -> CFString { NSString(string: text) }
nonisolated(unsafe) public let kSecClass = constant("class")
nonisolated(unsafe) public let kSecClassKey = constant("keys")
nonisolated(unsafe) public let kSecClassGenericPassword = constant("genp")
nonisolated(unsafe) public let kSecAttrAccount = constant("acct")
nonisolated(unsafe) public let kSecAttrService = constant("svce")
nonisolated(unsafe) public let kSecAttrAccessGroup = constant("agrp")
nonisolated(unsafe) public let kSecAttrAccessible = constant("pdmn")
nonisolated(unsafe) public let kSecAttrAccessControl = constant("accc")
nonisolated(unsafe) public let kSecAttrKeyType = constant("type")
nonisolated(unsafe) public let kSecAttrKeyTypeECSECPrimeRandom = constant("73")
nonisolated(unsafe) public let kSecAttrKeyClass = constant("kcls")
nonisolated(unsafe) public let kSecAttrKeyClassPublic = constant("0")
nonisolated(unsafe) public let kSecAttrKeySizeInBits = constant("bsiz")
nonisolated(unsafe) public let kSecAttrTokenID = constant("tkid")
nonisolated(unsafe) public let kSecAttrTokenIDSecureEnclave = constant("com.apple.setoken")
nonisolated(unsafe) public let kSecPrivateKeyAttrs = constant("private")
nonisolated(unsafe) public let kSecAttrIsPermanent = constant("perm")
nonisolated(unsafe) public let kSecAttrApplicationTag = constant("atag")
nonisolated(unsafe) public let kSecValueData = constant("v_Data")
nonisolated(unsafe) public let kSecReturnData = constant("r_Data")
nonisolated(unsafe) public let kSecReturnRef = constant("r_Ref")
nonisolated(unsafe) public let kSecReturnAttributes = constant("r_Attributes")
nonisolated(unsafe) public let kSecUseAuthenticationContext = constant("u_AuthCtx")
nonisolated(unsafe) public let kSecAttrAccessibleWhenUnlockedThisDeviceOnly = constant("aku")
nonisolated(unsafe) public let kSecAttrAccessibleWhenPasscodeSetThisDeviceOnly = constant("akpu")

public struct SecAccessControlCreateFlags: OptionSet, Sendable {
    public let rawValue: CFOptionFlags
    public init(rawValue: CFOptionFlags) { self.rawValue = rawValue }
    public static let userPresence = Self(rawValue: 1 << 0)
    public static let biometryAny = Self(rawValue: 1 << 1)
    public static let biometryCurrentSet = Self(rawValue: 1 << 3)
    public static let devicePasscode = Self(rawValue: 1 << 4)
    public static let privateKeyUsage = Self(rawValue: 1 << 30)
}

public typealias CFOptionFlags = UInt

public struct SecKeyAlgorithm: RawRepresentable, Hashable, @unchecked Sendable {
    public let rawValue: CFString
    public init(rawValue: CFString) { self.rawValue = rawValue }
    public static let ecdsaSignatureMessageX962SHA256 =
        Self(rawValue: constant("algid:sign:ECDSA:message-X962:SHA256"))
    public static let ecdhKeyExchangeStandard = Self(rawValue: constant("algid:keyexchange:ECDH"))
    public static let eciesEncryptionCofactorVariableIVX963SHA256AESGCM =
        Self(rawValue: constant("algid:encrypt:ECIES:ECDHC:KDFX963:SHA256:AESGCM-KDFIV"))
}

public final class SecAccessControl: @unchecked Sendable {
    public let _protection: String
    public let _flags: SecAccessControlCreateFlags
    init(_ protection: String, _ flags: SecAccessControlCreateFlags) {
        _protection = protection
        _flags = flags
    }
}

/// A question that is shown to the person as part of using a key; `LAContext` is one.
public protocol _Asking: AnyObject {
    var _reason: String { get }
    var _mayInteract: Bool { get }
}
