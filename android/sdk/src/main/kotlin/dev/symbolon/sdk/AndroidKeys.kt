package dev.symbolon.sdk

import android.content.Context
import android.os.Build
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyInfo
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.KeyProperties
import android.security.keystore.StrongBoxUnavailableException
import dev.symbolon.ffi.DeviceKey
import dev.symbolon.ffi.HardwareKeys
import dev.symbolon.ffi.KeyAccess
import dev.symbolon.ffi.KeyProtection
import dev.symbolon.ffi.KeysException
import java.security.GeneralSecurityException
import java.security.KeyFactory
import java.security.KeyPairGenerator
import java.security.KeyStore
import java.security.PrivateKey
import java.security.ProviderException
import java.security.Signature
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec
import javax.crypto.AEADBadTagException
import javax.crypto.Cipher
import javax.crypto.KeyGenerator
import javax.crypto.Mac
import javax.crypto.spec.GCMParameterSpec
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext

/**
 * Keys in the Android Keystore: in StrongBox where the phone has one, else in the trusted environment. Each can be used only
 * while the phone is unlocked; one of [KeyAccess.BIOMETRICS] asks the person by the system's prompt for each use, and the
 * system destroys it when a finger or a face is enrolled.
 */
class AndroidKeys(context: Context) : HardwareKeys {
    private val prompt = KeyPrompt(context)
    private val store: KeyStore by lazy { KeyStore.getInstance(STORE).apply { load(null) } }

    override suspend fun createSigningKey(label: String, challenge: ByteArray): DeviceKey = hardware {
        val protection = inStrongBoxOrElse { strongBox ->
            KeyPairGenerator.getInstance(KeyProperties.KEY_ALGORITHM_EC, STORE).run {
                initialize(
                    KeyGenParameterSpec.Builder(label, KeyProperties.PURPOSE_SIGN)
                        .setAlgorithmParameterSpec(ECGenParameterSpec("secp256r1"))
                        .setDigests(KeyProperties.DIGEST_SHA256)
                        .setAttestationChallenge(challenge)
                        .setUnlockedDeviceRequired(true)
                        .setIsStrongBoxBacked(strongBox)
                        .build(),
                )
                generateKeyPair()
            }
        }
        DeviceKey(point(label), if (protection == KeyProtection.STRONG_BOX) protection else protectionOf(label))
    }

    override suspend fun createPrfKey(label: String, access: KeyAccess) = hardware {
        inStrongBoxOrElse { strongBox ->
            KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_HMAC_SHA256, STORE).run {
                init(
                    KeyGenParameterSpec.Builder(label, KeyProperties.PURPOSE_SIGN)
                        .opened(access)
                        .setIsStrongBoxBacked(strongBox)
                        .build(),
                )
                generateKey()
            }
        }
        Unit
    }

    override suspend fun createSealingKey(label: String, access: KeyAccess) = hardware {
        inStrongBoxOrElse { strongBox ->
            KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_AES, STORE).run {
                init(
                    KeyGenParameterSpec.Builder(label, KeyProperties.PURPOSE_ENCRYPT or KeyProperties.PURPOSE_DECRYPT)
                        .setBlockModes(KeyProperties.BLOCK_MODE_GCM)
                        .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE)
                        .setKeySize(256)
                        .opened(access)
                        .setIsStrongBoxBacked(strongBox)
                        .build(),
                )
                generateKey()
            }
        }
        Unit
    }

    /** The certificates of a key, its own first, one after the other in DER. */
    override suspend fun attest(label: String, challenge: ByteArray): ByteArray? = hardware {
        val chain = store.getCertificateChain(label) ?: throw KeysException.Missing()
        chain.fold(ByteArray(0)) { all, certificate -> all + certificate.encoded }
    }

    /** Android has no such thing besides the key's own signature. */
    override suspend fun assertion(label: String, clientDataHash: ByteArray): ByteArray? = null

    override suspend fun publicKey(label: String): ByteArray = hardware { point(label) }

    override suspend fun sign(label: String, message: ByteArray): ByteArray = hardware {
        Signature.getInstance("SHA256withECDSA").run {
            initSign(key(label) as PrivateKey)
            update(message)
            sign()
        }
    }

    override suspend fun prf(label: String, input: ByteArray): ByteArray = hardware {
        try {
            Mac.getInstance("HmacSHA256").run {
                init(key(label))
                doFinal(input)
            }
        } finally {
            input.fill(0)
        }
    }

    override suspend fun seal(label: String, plain: ByteArray, prompt: String?): ByteArray = hardware {
        try {
            val cipher = Cipher.getInstance(SEALING).apply { init(Cipher.ENCRYPT_MODE, key(label)) }
            val sealed = authorised(cipher, prompt).doFinal(plain)
            cipher.iv + sealed
        } finally {
            plain.fill(0)
        }
    }

    override suspend fun open(label: String, sealed: ByteArray, prompt: String?): ByteArray = hardware {
        if (sealed.size < NONCE) throw KeysException.NotSealedHere()
        val cipher = Cipher.getInstance(SEALING).apply {
            init(Cipher.DECRYPT_MODE, key(label), GCMParameterSpec(TAG_BITS, sealed, 0, NONCE))
        }
        authorised(cipher, prompt).doFinal(sealed, NONCE, sealed.size - NONCE)
    }

    override suspend fun delete(label: String) = hardware { store.deleteEntry(label) }

    private suspend fun authorised(cipher: Cipher, reason: String?): Cipher =
        if (reason == null) cipher else prompt.ask(cipher, reason)

    private fun key(label: String) = store.getKey(label, null) ?: throw KeysException.Missing()

    /** The uncompressed point of a public key. */
    private fun point(label: String): ByteArray {
        val certificate = store.getCertificate(label) ?: throw KeysException.Missing()
        return uncompressed(certificate.publicKey as ECPublicKey)
    }

    private fun protectionOf(label: String): KeyProtection {
        val key = key(label) as PrivateKey
        val isInHardware = try {
            val info = KeyFactory.getInstance(key.algorithm, STORE).getKeySpec(key, KeyInfo::class.java)
            if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) {
                info.securityLevel != KeyProperties.SECURITY_LEVEL_SOFTWARE
            } else {
                @Suppress("DEPRECATION")
                info.isInsideSecureHardware
            }
        } catch (_: GeneralSecurityException) {
            // Who can't say that it is hardware is not taken for hardware.
            false
        }
        return if (isInHardware) KeyProtection.TRUSTED_ENVIRONMENT else KeyProtection.SOFTWARE
    }

    private fun KeyGenParameterSpec.Builder.opened(access: KeyAccess) = apply {
        setUnlockedDeviceRequired(true)
        if (access == KeyAccess.BIOMETRICS) {
            setUserAuthenticationRequired(true)
            // For one use, by biometrics of class 3 and nothing else.
            setUserAuthenticationParameters(0, KeyProperties.AUTH_BIOMETRIC_STRONG)
            setInvalidatedByBiometricEnrollment(true)
        }
    }

    /** A phone without a StrongBox, or whose StrongBox can't make such a key, makes it in the trusted environment. */
    private inline fun inStrongBoxOrElse(make: (Boolean) -> Unit): KeyProtection = try {
        make(true)
        KeyProtection.STRONG_BOX
    } catch (_: StrongBoxUnavailableException) {
        make(false)
        KeyProtection.TRUSTED_ENVIRONMENT
    }

    private companion object {
        const val STORE = "AndroidKeyStore"
        const val SEALING = "AES/GCM/NoPadding"
        const val NONCE = 12
        const val TAG_BITS = 128

        /** Uses the hardware apart from the main thread, and says what happened in the soft token's words. */
        suspend fun <T> hardware(use: suspend () -> T): T = withContext(Dispatchers.IO) {
            try {
                use()
            } catch (error: KeyPermanentlyInvalidatedException) {
                throw KeysException.Missing()
            } catch (error: AEADBadTagException) {
                throw KeysException.NotSealedHere()
            } catch (error: GeneralSecurityException) {
                throw KeysException.Unavailable(error.toString())
            } catch (error: ProviderException) {
                throw KeysException.Unavailable(error.toString())
            }
        }
    }
}

/** The uncompressed point of a public key: a 4, and two coordinates of 32 bytes. */
internal fun uncompressed(key: ECPublicKey): ByteArray =
    byteArrayOf(4) + coordinate(key.w.affineX.toByteArray()) + coordinate(key.w.affineY.toByteArray())

/** A number in 32 bytes: Java leaves out leading zeros and puts one before a high bit. */
private fun coordinate(bytes: ByteArray): ByteArray {
    val number = bytes.dropWhile { it == 0.toByte() }.toByteArray()
    return ByteArray(32 - number.size) + number
}
