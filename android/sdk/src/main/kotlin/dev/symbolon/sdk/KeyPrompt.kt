package dev.symbolon.sdk

import android.content.Context
import android.hardware.biometrics.BiometricManager.Authenticators.BIOMETRIC_STRONG
import android.hardware.biometrics.BiometricPrompt
import android.os.CancellationSignal
import dev.symbolon.ffi.KeysException
import javax.crypto.Cipher
import kotlin.coroutines.resume
import kotlin.coroutines.resumeWithException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.suspendCancellableCoroutine
import kotlinx.coroutines.withContext

/** The system's prompt for one use of a key. What it lets through is the key, so nobody can answer in its place. */
internal class KeyPrompt(private val context: Context) {
    /** Shows the prompt with [reason]; answers the cipher that the person has let through. */
    suspend fun ask(cipher: Cipher, reason: String): Cipher = withContext(Dispatchers.Main) {
        suspendCancellableCoroutine { waiting ->
            val signal = CancellationSignal()
            waiting.invokeOnCancellation { signal.cancel() }
            fun refuse(error: KeysException) {
                if (waiting.isActive) waiting.resumeWithException(error)
            }
            val callback = object : BiometricPrompt.AuthenticationCallback() {
                override fun onAuthenticationSucceeded(result: BiometricPrompt.AuthenticationResult) {
                    val allowed = result.cryptoObject?.cipher
                    if (allowed == null) refuse(KeysException.Unavailable("the prompt gave no key back"))
                    else if (waiting.isActive) waiting.resume(allowed)
                }

                override fun onAuthenticationError(errorCode: Int, errString: CharSequence?) = refuse(reasonOf(errorCode, errString))
            }
            BiometricPrompt.Builder(context)
                .setTitle(reason)
                .setAllowedAuthenticators(BIOMETRIC_STRONG)
                .setConfirmationRequired(false)
                .setNegativeButton(context.getString(android.R.string.cancel), context.mainExecutor) { _, _ ->
                    refuse(KeysException.Cancelled())
                }
                .build()
                .authenticate(BiometricPrompt.CryptoObject(cipher), signal, context.mainExecutor, callback)
        }
    }

    private fun reasonOf(code: Int, text: CharSequence?): KeysException = when (code) {
        BiometricPrompt.BIOMETRIC_ERROR_USER_CANCELED,
        BiometricPrompt.BIOMETRIC_ERROR_CANCELED,
        BiometricPrompt.BIOMETRIC_ERROR_TIMEOUT,
        -> KeysException.Cancelled()
        BiometricPrompt.BIOMETRIC_ERROR_LOCKOUT, BiometricPrompt.BIOMETRIC_ERROR_LOCKOUT_PERMANENT -> KeysException.LockedOut()
        // Every finger and face was removed: no key of that kind is left either.
        BiometricPrompt.BIOMETRIC_ERROR_NO_BIOMETRICS -> KeysException.Missing()
        else -> KeysException.Unavailable("$code: ${text ?: ""}")
    }
}
