import org.jetbrains.kotlin.gradle.dsl.JvmTarget

plugins {
    alias(libs.plugins.android.application)
    alias(libs.plugins.kotlin.android)
}

android {
    namespace = "dev.symbolon.app"
    compileSdk = 35
    defaultConfig {
        applicationId = "dev.symbolon.app"
        minSdk = 30
        targetSdk = 35
        versionCode = 1
        versionName = "0.1.0"
        // The server whose `/activate` this app opens: none but in an organisation's own build.
        manifestPlaceholders["linkHost"] = providers.gradleProperty("symbolon.linkHost").getOrElse("activate.invalid")
    }
    buildTypes {
        release {
            isMinifyEnabled = true
            proguardFiles(getDefaultProguardFile("proguard-android-optimize.txt"))
        }
    }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
}

kotlin {
    compilerOptions {
        jvmTarget = JvmTarget.JVM_17
    }
}

dependencies {
    implementation(project(":sdk"))
    implementation(libs.zxing)
}
