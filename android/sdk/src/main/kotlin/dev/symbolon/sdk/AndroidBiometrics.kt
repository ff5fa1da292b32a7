package dev.symbolon.sdk

import android.content.Context
import android.content.pm.PackageManager
import android.hardware.biometrics.BiometricManager
import android.hardware.biometrics.BiometricManager.Authenticators.BIOMETRIC_STRONG
import dev.symbolon.ffi.Biometric
import dev.symbolon.ffi.LocalAuthentication

/**
 * What the phone offers. Android does not say which of its kinds the person has enrolled, nor lets an app choose at the
 * prompt; so where class 3 is set up, every kind counts that the phone has.
 */
class AndroidBiometrics(private val context: Context) : LocalAuthentication {
    override fun available(): List<Biometric> {
        val manager = context.getSystemService(BiometricManager::class.java)
        if (manager?.canAuthenticate(BIOMETRIC_STRONG) != BiometricManager.BIOMETRIC_SUCCESS) return emptyList()
        val features = mapOf(
            PackageManager.FEATURE_FINGERPRINT to Biometric.FINGERPRINT,
            PackageManager.FEATURE_FACE to Biometric.FACE,
            PackageManager.FEATURE_IRIS to Biometric.IRIS,
        )
        return features.filterKeys(context.packageManager::hasSystemFeature).values.toList()
    }
}
