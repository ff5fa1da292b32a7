#include "enclave.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/params.h>

void *enclave_generate(void) {
    return EVP_EC_gen("prime256v1");
}

void *enclave_public(const uint8_t *point, size_t length) {
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)point, length),
        OSSL_PARAM_construct_end(),
    };
    if (EVP_PKEY_fromdata_init(context) != 1 || EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1) {
        key = NULL;
    }
    EVP_PKEY_CTX_free(context);
    return key;
}

void enclave_free(void *key) {
    EVP_PKEY_free(key);
}

int enclave_point(void *key, uint8_t point[ENCLAVE_POINT]) {
    size_t length = 0;
    int got = EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, ENCLAVE_POINT, &length);
    return got == 1 && length == ENCLAVE_POINT;
}

size_t enclave_sign(void *key, const uint8_t *message, size_t length, uint8_t signature[ENCLAVE_SIGNATURE]) {
    size_t signed_length = ENCLAVE_SIGNATURE;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int done = EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
               EVP_DigestSign(context, signature, &signed_length, message, length) == 1;
    EVP_MD_CTX_free(context);
    return done ? signed_length : 0;
}

int enclave_agree(void *key, void *other, uint8_t shared[ENCLAVE_SHARED]) {
    size_t length = ENCLAVE_SHARED;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    int done = EVP_PKEY_derive_init(context) == 1 && EVP_PKEY_derive_set_peer(context, other) == 1 &&
               EVP_PKEY_derive(context, shared, &length) == 1;
    EVP_PKEY_CTX_free(context);
    return done && length == ENCLAVE_SHARED;
}

int enclave_gcm(int seals, const uint8_t key[16], const uint8_t nonce[16], const uint8_t *in, size_t length, uint8_t *out) {
    int part = 0;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int done = EVP_CipherInit_ex(context, EVP_aes_128_gcm(), NULL, NULL, NULL, seals) == 1 &&
               EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_IVLEN, 16, NULL) == 1 &&
               EVP_CipherInit_ex(context, NULL, NULL, key, nonce, seals) == 1;
    if (done && !seals) {
        length -= 16;
        done = EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, 16, (void *)(in + length)) == 1;
    }
    done = done && EVP_CipherUpdate(context, out, &part, in, (int)length) == 1 && EVP_CipherFinal_ex(context, out + part, &part) == 1;
    if (done && seals) {
        done = EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, 16, out + length) == 1;
    }
    EVP_CIPHER_CTX_free(context);
    return done;
}

void enclave_sha256(const uint8_t *bytes, size_t length, uint8_t hash[32]) {
    EVP_Digest(bytes, length, hash, NULL, EVP_sha256(), NULL);
}
