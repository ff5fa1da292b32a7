// What stands in for Apple's certificates on Linux: OpenSSL's X.509.
#ifndef SYMBOLON_MAKER_H
#define SYMBOLON_MAKER_H

#include <stddef.h>
#include <stdint.h>

/// A certificate for `key`, signed by `signer` in the name of `issuer` (NULL: by itself). Where there is a nonce it is put into
/// the extension of App Attest. Freed by `maker_free`.
void *maker_certify(void *key, const char *name, void *signer, void *issuer, const uint8_t *nonce);

void maker_free(void *certificate);

/// A certificate in DER; answers its length.
size_t maker_der(void *certificate, uint8_t *out, size_t room);

#endif
