package dev.symbolon.testing

import android.hardware.biometrics.BiometricPrompt
import android.os.CancellationSignal
import java.util.concurrent.Executor
import org.robolectric.annotation.Implementation
import org.robolectric.annotation.Implements
import org.robolectric.annotation.Resetter

/** The system's prompt, answered by a test. Robolectric's own forgets the key that is to be used. */
@Implements(BiometricPrompt::class)
class FakeBiometricPrompt {
    class Shown(
        private val crypto: BiometricPrompt.CryptoObject?,
        private val executor: Executor,
        private val callback: BiometricPrompt.AuthenticationCallback,
    ) {
        /** The finger is that of the person. */
        fun recognise() = executor.execute {
            FakeKeyStore.recognised()
            val how = BiometricPrompt.AUTHENTICATION_RESULT_TYPE_BIOMETRIC
            callback.onAuthenticationSucceeded(BiometricPrompt.AuthenticationResult(crypto, how))
        }

        /** It ends with one of the system's errors. */
        fun fail(code: Int) = executor.execute { callback.onAuthenticationError(code, "error $code") }
    }

    @Implementation
    fun authenticate(cancel: CancellationSignal, executor: Executor, callback: BiometricPrompt.AuthenticationCallback) {
        shown = Shown(null, executor, callback)
    }

    @Implementation
    fun authenticate(
        crypto: BiometricPrompt.CryptoObject,
        cancel: CancellationSignal,
        executor: Executor,
        callback: BiometricPrompt.AuthenticationCallback,
    ) {
        shown = Shown(crypto, executor, callback)
    }

    companion object {
        @Volatile private var shown: Shown? = null

        /** The prompt that is on the screen, once. */
        @JvmStatic fun take(): Shown? = shown?.also { shown = null }

        @Resetter @JvmStatic fun reset() {
            shown = null
        }
    }
}
