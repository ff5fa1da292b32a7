package dev.symbolon.testing

import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.StrongBoxUnavailableException
import android.security.keystore.UserNotAuthenticatedException
import java.io.InputStream
import java.io.OutputStream
import java.math.BigInteger
import java.security.AlgorithmParameters
import java.security.InvalidKeyException
import java.security.Key
import java.security.KeyPair
import java.security.KeyPairGenerator
import java.security.KeyPairGeneratorSpi
import java.security.KeyStoreSpi
import java.security.Provider
import java.security.SecureRandom
import java.security.Security
import java.security.Signature
import java.security.cert.Certificate
import java.security.cert.CertificateFactory
import java.security.spec.AlgorithmParameterSpec
import java.util.Collections
import java.util.Date
import java.util.Enumeration
import javax.crypto.Cipher
import javax.crypto.CipherSpi
import javax.crypto.IllegalBlockSizeException
import javax.crypto.KeyGeneratorSpi
import javax.crypto.Mac
import javax.crypto.MacSpi
import javax.crypto.SecretKey
import javax.crypto.spec.SecretKeySpec
import org.bouncycastle.asn1.ASN1EncodableVector
import org.bouncycastle.asn1.ASN1Integer
import org.bouncycastle.asn1.ASN1ObjectIdentifier
import org.bouncycastle.asn1.DERBitString
import org.bouncycastle.asn1.DEROctetString
import org.bouncycastle.asn1.DERSequence
import org.bouncycastle.asn1.x500.X500Name
import org.bouncycastle.asn1.x509.AlgorithmIdentifier
import org.bouncycastle.asn1.x509.Extension
import org.bouncycastle.asn1.x509.ExtensionsGenerator
import org.bouncycastle.asn1.x509.SubjectPublicKeyInfo
import org.bouncycastle.asn1.x509.Time
import org.bouncycastle.asn1.x509.V3TBSCertificateGenerator

/**
 * Android's Keystore in memory: a provider of its name, whose keys can't be read, ask for the person where they were made
 * so, and are destroyed when a finger is enrolled. Its certificates are self-signed and attest nothing.
 */
object FakeKeyStore {
    class Entry(val key: Key, val chain: Array<Certificate>?, val spec: KeyGenParameterSpec)

    val entries: MutableMap<String, Entry> = Collections.synchronizedMap(LinkedHashMap())

    /** Whether there is a StrongBox. */
    @Volatile var hasStrongBox = true

    /** The last use of a key that waits for the person. */
    @Volatile internal var waiting: Gcm? = null

    /** An empty key store, in the place of the last. */
    fun install() {
        entries.clear()
        hasStrongBox = true
        waiting = null
        Security.removeProvider("AndroidKeyStore")
        Security.removeProvider("FakeSealedKeys")
        // First, before Bouncy Castle, which does not refuse a key that it can't read.
        Security.insertProviderAt(Ciphers(), 1)
        Security.addProvider(Keys())
    }

    /** A finger or a face is enrolled: keys that are bound to who was enrolled before are gone. */
    fun enrol() = entries.values.forEach { (it.key as? SealedKey)?.enrolled() }

    /** The person was recognised: the use that waits for that may go on. */
    internal fun recognised() {
        waiting?.isAuthorised = true
        waiting = null
    }

    private fun specOf(params: AlgorithmParameterSpec?): KeyGenParameterSpec {
        val spec = params as KeyGenParameterSpec
        if (spec.isStrongBoxBacked && !hasStrongBox) throw StrongBoxUnavailableException("there is none")
        return spec
    }

    private abstract class Factory(name: String) : Provider(name, "1.0", "for tests") {
        // A service with a factory of its own: no reflection across class loaders.
        fun service(type: String, algorithm: String, make: () -> Any) =
            putService(object : Service(this, type, algorithm, "$type.$algorithm", null, null) {
                override fun newInstance(constructorParameter: Any?): Any = make()
                override fun supportsParameter(parameter: Any?) = parameter is SealedKey
            })
    }

    private class Keys : Factory("AndroidKeyStore") {
        init {
            service("KeyStore", "AndroidKeyStore") { Store() }
            service("KeyGenerator", "AES") { SecretGenerator("AES") }
            service("KeyGenerator", "HmacSHA256") { SecretGenerator("HmacSHA256") }
            service("KeyPairGenerator", "EC") { PairGenerator() }
        }
    }

    private class Ciphers : Factory("FakeSealedKeys") {
        init {
            service("Cipher", "AES/GCM/NoPadding") { Gcm() }
            service("Mac", "HmacSHA256") { Hmac() }
        }
    }

    /** A key whose bytes can't be read. */
    private class SealedKey(private val raw: ByteArray, private val algorithm: String, val spec: KeyGenParameterSpec) : SecretKey {
        private var isGone = false

        override fun getAlgorithm() = algorithm
        override fun getFormat(): String? = null
        override fun getEncoded(): ByteArray? = null

        fun enrolled() {
            if (spec.isUserAuthenticationRequired && spec.isInvalidatedByBiometricEnrollment) isGone = true
        }

        fun open(): SecretKeySpec {
            if (isGone) throw KeyPermanentlyInvalidatedException()
            return SecretKeySpec(raw, algorithm)
        }
    }

    private class SecretGenerator(private val algorithm: String) : KeyGeneratorSpi() {
        private lateinit var spec: KeyGenParameterSpec
        override fun engineInit(random: SecureRandom?) = error("a spec is needed")
        override fun engineInit(keysize: Int, random: SecureRandom?) = error("a spec is needed")
        override fun engineInit(params: AlgorithmParameterSpec?, random: SecureRandom?) {
            spec = specOf(params)
        }

        override fun engineGenerateKey(): SecretKey {
            val key = SealedKey(ByteArray(32).also(SecureRandom()::nextBytes), algorithm, spec)
            entries[spec.keystoreAlias] = Entry(key, null, spec)
            return key
        }
    }

    private class PairGenerator : KeyPairGeneratorSpi() {
        private lateinit var spec: KeyGenParameterSpec
        override fun initialize(keysize: Int, random: SecureRandom?) = error("a spec is needed")
        override fun initialize(params: AlgorithmParameterSpec?, random: SecureRandom?) {
            spec = specOf(params)
        }

        override fun generateKeyPair(): KeyPair {
            val generator = KeyPairGenerator.getInstance("EC").apply { initialize(spec.algorithmParameterSpec) }
            val pair = generator.generateKeyPair()
            entries[spec.keystoreAlias] = Entry(pair.private, arrayOf(certificate(pair, spec)), spec)
            return pair
        }
    }

    private fun certificate(pair: KeyPair, spec: KeyGenParameterSpec): Certificate {
        val algorithm = AlgorithmIdentifier(ASN1ObjectIdentifier("1.2.840.10045.4.3.2"))
        val name = X500Name("CN=Android Keystore Key")
        val body = V3TBSCertificateGenerator().apply {
            setSerialNumber(ASN1Integer(BigInteger.ONE))
            setSignature(algorithm)
            setIssuer(name)
            setSubject(name)
            setStartDate(Time(Date(0)))
            setEndDate(Time(Date(4102444800000L)))
            setSubjectPublicKeyInfo(SubjectPublicKeyInfo.getInstance(pair.public.encoded))
            spec.attestationChallenge?.let { challenge ->
                val extensions = ExtensionsGenerator().apply {
                    addExtension(Extension(ASN1ObjectIdentifier("1.3.6.1.4.1.11129.2.1.17"), false, DEROctetString(challenge).encoded))
                }
                setExtensions(extensions.generate())
            }
        }.generateTBSCertificate()
        val signature = Signature.getInstance("SHA256withECDSA").run {
            initSign(pair.private)
            update(body.encoded)
            sign()
        }
        val whole = ASN1EncodableVector().apply {
            add(body)
            add(algorithm)
            add(DERBitString(signature))
        }
        val bytes = DERSequence(whole).encoded
        return CertificateFactory.getInstance("X.509").generateCertificate(bytes.inputStream())
    }

    /** A use of a key: one that asks for the person is refused until the prompt has recognised them, as in hardware. */
    internal class Gcm : CipherSpi() {
        private val cipher = Cipher.getInstance("AES/GCM/NoPadding", "SunJCE")
        internal var isAuthorised = false

        private fun open(key: Key): SecretKeySpec {
            val sealed = key as? SealedKey ?: throw InvalidKeyException("not a key of this key store")
            isAuthorised = !sealed.spec.isUserAuthenticationRequired
            return sealed.open().also { if (!isAuthorised) waiting = this }
        }

        private fun <T> authorised(use: () -> T): T {
            if (!isAuthorised) throw IllegalBlockSizeException().apply { initCause(UserNotAuthenticatedException()) }
            return use()
        }

        override fun engineInit(mode: Int, key: Key, random: SecureRandom?) = cipher.init(mode, open(key))
        override fun engineInit(mode: Int, key: Key, params: AlgorithmParameterSpec?, random: SecureRandom?) {
            if (mode == Cipher.ENCRYPT_MODE && params != null) error("the key store makes nonces itself")
            cipher.init(mode, open(key), params)
        }

        override fun engineInit(mode: Int, key: Key, params: AlgorithmParameters?, random: SecureRandom?) =
            cipher.init(mode, open(key), params)

        override fun engineUpdate(input: ByteArray?, offset: Int, length: Int): ByteArray? =
            authorised { cipher.update(input, offset, length) }

        override fun engineUpdate(input: ByteArray?, offset: Int, length: Int, output: ByteArray, at: Int): Int =
            authorised { cipher.update(input, offset, length, output, at) }

        override fun engineDoFinal(input: ByteArray?, offset: Int, length: Int): ByteArray =
            authorised { if (input == null) cipher.doFinal() else cipher.doFinal(input, offset, length) }

        override fun engineDoFinal(input: ByteArray?, offset: Int, length: Int, output: ByteArray, at: Int): Int =
            authorised { cipher.doFinal(input, offset, length, output, at) }

        override fun engineGetIV(): ByteArray? = cipher.iv
        override fun engineGetBlockSize() = 16
        override fun engineGetOutputSize(length: Int) = cipher.getOutputSize(length)
        override fun engineGetParameters(): AlgorithmParameters? = cipher.parameters
        override fun engineSetMode(mode: String?) = Unit
        override fun engineSetPadding(padding: String?) = Unit
    }

    private class Hmac : MacSpi() {
        private val mac = Mac.getInstance("HmacSHA256", "SunJCE")
        override fun engineGetMacLength() = 32
        override fun engineInit(key: Key, params: AlgorithmParameterSpec?) =
            mac.init((key as? SealedKey)?.open() ?: throw InvalidKeyException("not a key of this key store"))

        override fun engineUpdate(input: Byte) = mac.update(input)
        override fun engineUpdate(input: ByteArray, offset: Int, length: Int) = mac.update(input, offset, length)
        override fun engineDoFinal(): ByteArray = mac.doFinal()
        override fun engineReset() = mac.reset()
    }

    private class Store : KeyStoreSpi() {
        override fun engineGetKey(alias: String, password: CharArray?): Key? = entries[alias]?.key
        override fun engineGetCertificateChain(alias: String): Array<Certificate>? = entries[alias]?.chain
        override fun engineGetCertificate(alias: String): Certificate? = entries[alias]?.chain?.first()
        override fun engineGetCreationDate(alias: String): Date = Date()
        override fun engineSetKeyEntry(alias: String, key: Key, password: CharArray?, chain: Array<Certificate>?) = error("keys are made here")
        override fun engineSetKeyEntry(alias: String, key: ByteArray, chain: Array<Certificate>?) = error("keys are made here")
        override fun engineSetCertificateEntry(alias: String, certificate: Certificate) = error("keys are made here")
        override fun engineDeleteEntry(alias: String) {
            entries.remove(alias)
        }

        override fun engineAliases(): Enumeration<String> = Collections.enumeration(entries.keys.toList())
        override fun engineContainsAlias(alias: String) = alias in entries
        override fun engineSize() = entries.size
        override fun engineIsKeyEntry(alias: String) = alias in entries
        override fun engineIsCertificateEntry(alias: String) = false
        override fun engineGetCertificateAlias(certificate: Certificate): String? = null
        override fun engineStore(stream: OutputStream?, password: CharArray?) = Unit
        override fun engineLoad(stream: InputStream?, password: CharArray?) = Unit
    }
}
