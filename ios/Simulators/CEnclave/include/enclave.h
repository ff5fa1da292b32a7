// What stands in for the Secure Enclave's arithmetic on Linux: OpenSSL's, on P-256.
#ifndef SYMBOLON_ENCLAVE_H
#define SYMBOLON_ENCLAVE_H

#include <stddef.h>
#include <stdint.h>

#include "maker.h"

#define ENCLAVE_POINT 65
#define ENCLAVE_SHARED 32
#define ENCLAVE_SIGNATURE 80

/// A new private key; freed by `enclave_free`.
void *enclave_generate(void);

/// The key of a point; NULL where it is not on the curve.
void *enclave_public(const uint8_t *point, size_t length);

void enclave_free(void *key);

/// The uncompressed point of a key.
int enclave_point(void *key, uint8_t point[ENCLAVE_POINT]);

/// ECDSA over SHA-256, in DER; answers its length, 0 when it failed.
size_t enclave_sign(void *key, const uint8_t *message, size_t length, uint8_t signature[ENCLAVE_SIGNATURE]);

/// The x-coordinate that both agree on.
int enclave_agree(void *key, void *other, uint8_t shared[ENCLAVE_SHARED]);

/// AES-128-GCM with a nonce of 16 bytes; the tag of 16 bytes follows the text. Answers 1 when it went well.
int enclave_gcm(int seals, const uint8_t key[16], const uint8_t nonce[16], const uint8_t *in, size_t length, uint8_t *out);

void enclave_sha256(const uint8_t *bytes, size_t length, uint8_t hash[32]);

#endif
