#include "maker.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

// 1.2.840.113635.100.8.2: SEQUENCE { [1] EXPLICIT OCTET STRING }
static int add_nonce(X509 *certificate, const uint8_t *nonce) {
    uint8_t value[38] = {0x30, 0x24, 0xa1, 0x22, 0x04, 0x20};
    memcpy(value + 6, nonce, 32);
    ASN1_OBJECT *name = OBJ_txt2obj("1.2.840.113635.100.8.2", 1);
    ASN1_OCTET_STRING *string = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING_set(string, value, sizeof value);
    X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, name, 0, string);
    int done = X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(string);
    ASN1_OBJECT_free(name);
    return done;
}

static int add_authority(X509 *certificate) {
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
    int done = X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    return done;
}

void *maker_certify(void *key, const char *name, void *signer, void *issuer, const uint8_t *nonce) {
    X509 *certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -86400);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400L * 365);
    X509_set_pubkey(certificate, key);
    X509_NAME *subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const uint8_t *)name, -1, -1, 0);
    X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer) : subject);
    int done = nonce ? add_nonce(certificate, nonce) : add_authority(certificate);
    if (!done || X509_sign(certificate, signer, EVP_sha256()) == 0) {
        X509_free(certificate);
        return NULL;
    }
    return certificate;
}

void maker_free(void *certificate) {
    X509_free(certificate);
}

size_t maker_der(void *certificate, uint8_t *out, size_t room) {
    int length = i2d_X509(certificate, NULL);
    if (length < 0 || (size_t)length > room) {
        return 0;
    }
    return (size_t)i2d_X509(certificate, &out);
}
