import Foundation
import Testing

/// Reads a QR code whose every square is right: a drawing, and no photograph. Level M, as a ticket to move has it, so its errors
/// are not corrected but looked for: no text at all comes of a wrong square in the wrong place.
///
/// `dark` has the row and column of each dark square. After ISO/IEC 18004.
func readQr(width: Int, dark: Set<[Int]>) throws -> String {
    let code = try QrCode(width: width, dark: dark)
    var bits = Bits(code.data())
    var text = Data()
    while true {
        switch bits.take(4) {
        case 0b0001:  // numbers
            var left = bits.take(code.version < 10 ? 10 : 12)
            while left > 0 {
                let digits = min(left, 3)
                let number = String(bits.take([0, 4, 7, 10][digits]))
                text += Data((String(repeating: "0", count: digits - number.count) + number).utf8)
                left -= digits
            }
        case 0b0010:  // capitals
            let letters = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:".utf8)
            var left = bits.take(code.version < 10 ? 9 : 11)
            while left > 0 {
                let pair = bits.take(left > 1 ? 11 : 6)
                text += left > 1 ? Data([letters[pair / 45], letters[pair % 45]]) : Data([letters[pair]])
                left -= min(left, 2)
            }
        case 0b0100:  // bytes
            for _ in 0..<bits.take(code.version < 10 ? 8 : 16) { text.append(UInt8(bits.take(8))) }
        case 0: return String(decoding: text, as: UTF8.self)
        case let mode: throw NotRead(why: "mode \(mode)")
        }
    }
}

private struct NotRead: Error { let why: String }

private struct Bits {
    private let bytes: [UInt8]
    private var place = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The next so many bits; zeros after the end.
    mutating func take(_ count: Int) -> Int {
        (0..<count).reduce(0) { number, _ in
            defer { place += 1 }
            return number << 1 | (place / 8 < bytes.count ? Int(bytes[place / 8] >> (7 - place % 8)) & 1 : 0)
        }
    }
}

private struct QrCode {
    let width: Int
    let version: Int
    private let dark: Set<[Int]>
    private let mask: Int

    /// By version, from 7: how many blocks there are with how many bytes of data, the shorter ones first.
    private static let blocks: [[(count: Int, bytes: Int)]] = [
        [(4, 31)], [(2, 38), (2, 39)], [(3, 36), (2, 37)], [(4, 43), (1, 44)], [(1, 50), (4, 51)], [(6, 36), (2, 37)],
        [(8, 37), (1, 38)], [(4, 40), (5, 41)], [(5, 41), (5, 42)], [(7, 45), (3, 46)],
    ]

    /// By version, from 7: the middles of the squares that a reader aligns itself by.
    private static let middles = [
        [6, 22, 38], [6, 24, 42], [6, 26, 46], [6, 28, 50], [6, 30, 54], [6, 32, 58], [6, 34, 62], [6, 26, 46, 66],
        [6, 26, 48, 70], [6, 26, 50, 74],
    ]

    init(width: Int, dark: Set<[Int]>) throws {
        self.width = width
        self.dark = dark
        version = (width - 17) / 4
        try #require(width == 17 + 4 * version && (7...16).contains(version), "a width of \(width)")
        // The three large squares.
        for (row, column) in [(0, 0), (0, width - 7), (width - 7, 0)] {
            let ring = (0..<7).allSatisfy { dark.contains([row, column + $0]) && dark.contains([row + $0, column]) }
            try #require(ring && dark.contains([row + 3, column + 3]) && !dark.contains([row + 1, column + 1]), "no corner")
        }
        let format = [0, 1, 2, 3, 4].reduce(0) { $0 << 1 | (dark.contains([8, $1]) ? 1 : 0) } ^ 0b10101
        try #require(format >> 3 == 0, "level M")
        mask = format & 7
    }

    /// Whether a square belongs to the frame that every code of this size has.
    private func isFrame(_ row: Int, _ column: Int) -> Bool {
        let corner = (row < 9 && (column < 9 || column >= width - 8)) || (row >= width - 8 && column < 9)
        let versions = (row < 6 && column >= width - 11) || (column < 6 && row >= width - 11)
        let middles = Self.middles[version - 7]
        let aligning = middles.contains { r in
            middles.contains { c in
                let isCorner = (r == 6 && (c == 6 || c == width - 7)) || (r == width - 7 && c == 6)
                return !isCorner && abs(row - r) <= 2 && abs(column - c) <= 2
            }
        }
        return corner || versions || aligning || row == 6 || column == 6
    }

    private func isMasked(_ row: Int, _ column: Int) -> Bool {
        let (both, product) = (row + column, row * column)
        return switch mask {
        case 0: both % 2 == 0
        case 1: row % 2 == 0
        case 2: column % 3 == 0
        case 3: both % 3 == 0
        case 4: (row / 2 + column / 3) % 2 == 0
        case 5: product % 2 + product % 3 == 0
        case 6: (product % 2 + product % 3) % 2 == 0
        default: (both % 2 + product % 3) % 2 == 0
        }
    }

    /// The bytes of data, in the order in which they were written.
    func data() -> [UInt8] {
        var bits: [Bool] = []
        // Columns in pairs, from the right, up and down in turn; none of the pairs has the column of the frame's.
        var (right, isUp) = (width - 1, true)
        while right > 0 {
            if right == 6 { right -= 1 }
            for step in 0..<width {
                let row = isUp ? width - 1 - step : step
                for column in [right, right - 1] where !isFrame(row, column) {
                    bits.append(dark.contains([row, column]) != isMasked(row, column))
                }
            }
            (right, isUp) = (right - 2, !isUp)
        }
        let lengths = Self.blocks[version - 7].flatMap { Array(repeating: $0.bytes, count: $0.count) }
        var blocks = lengths.map { _ in [UInt8]() }
        var read = 0
        // One byte of each block after the other; the shorter ones have none in the last round.
        for round in 0..<(lengths.max() ?? 0) {
            for block in lengths.indices where round < lengths[block] {
                blocks[block].append(bits[read..<read + 8].reduce(0) { $0 << 1 | ($1 ? 1 : 0) })
                read += 8
            }
        }
        return blocks.flatMap { $0 }
    }
}
