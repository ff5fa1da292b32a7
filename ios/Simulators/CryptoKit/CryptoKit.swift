// The names of Apple's CryptoKit that the package uses.
@_exported import Foundation
import Security

public struct SHA256: Sendable {
    public typealias Digest = SHA256Digest
    public static func hash<D: DataProtocol>(data: D) -> SHA256Digest { SHA256Digest(bytes: _sha256(Data(data))) }
}

public struct SHA256Digest: Sequence, Sendable {
    let bytes: Data
    public func makeIterator() -> Data.Iterator { bytes.makeIterator() }
}
