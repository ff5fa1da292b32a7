/// A query of CoreFoundation, as Swift reads it.
func _dictionary(_ dictionary: CFDictionary) -> [String: Any] {
    var read: [String: Any] = [:]
    for (key, value) in dictionary {
        guard let key = key as? NSString ?? (key as? String).map(NSString.init(string:)) else { continue }
        read["\(key)"] = (value as? NSDictionary).map(_dictionary) ?? value
    }
    return read
}

private func matches(_ item: [String: Any], _ query: [String: Any]) -> Bool {
    ["class", "svce", "acct", "atag"].allSatisfy { name in
        query[name] == nil || same(item[name], query[name])
    }
}

private func same(_ one: Any?, _ other: Any?) -> Bool {
    switch (one, other) {
    case let (one as Data, other as Data): one == other
    case let (one?, other?): "\(one)" == "\(other)"
    default: false
    }
}

/// What the keychain of a locked or broken phone answers.
private func refusal() -> OSStatus? {
    let phone = _Phone.shared
    return phone.failure ?? (phone.isLocked ? errSecInteractionNotAllowed : nil)
}

public func SecItemAdd(_ attributes: CFDictionary, _ result: UnsafeMutablePointer<CFTypeRef?>?) -> OSStatus {
    if let refusal = refusal() { return refusal }
    let item = _dictionary(attributes)
    let phone = _Phone.shared
    return phone._with {
        if phone._items.contains(where: { matches($0, item) }) { return errSecDuplicateItem }
        phone._items.append(item)
        return errSecSuccess
    }
}

public func SecItemCopyMatching(_ query: CFDictionary, _ result: UnsafeMutablePointer<CFTypeRef?>?) -> OSStatus {
    if let refusal = refusal() { return refusal }
    let query = _dictionary(query)
    let phone = _Phone.shared
    guard let item = phone._with({ phone._items.first { matches($0, query) } }) else { return errSecItemNotFound }
    if query["r_Ref"] as? Bool == true {
        result?.pointee = (item["v_Ref"] as? SecKey)?.found(by: query["u_AuthCtx"] as? any _Asking)
    } else if query["r_Data"] as? Bool == true {
        result?.pointee = (item["v_Data"] as? Data).map { $0 as NSData }
    } else if query["r_Attributes"] as? Bool == true {
        result?.pointee = NSDictionary(dictionary: ["agrp": phone.accessGroup])
    }
    return errSecSuccess
}

public func SecItemDelete(_ query: CFDictionary) -> OSStatus {
    if let refusal = refusal() { return refusal }
    let query = _dictionary(query)
    let phone = _Phone.shared
    return phone._with {
        let before = phone._items.count
        phone._items.removeAll { matches($0, query) }
        return before == phone._items.count ? errSecItemNotFound : errSecSuccess
    }
}
