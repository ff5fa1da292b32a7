#!/usr/bin/env bash
# Compiles the app's resources, as Android's own build does.
# resources.sh ANDROID_JAR JAR_WITH_AAPT2 BUILD_FOLDER FOLDER_OF_R JAVA_HOME HOST_OF_LINKS
set -euo pipefail
cd "$(dirname "$0")"
android=$1 aapt2_jar=$2 build=$3 r=$4 java=$5 host=$6
mkdir -p "$build" "$r"
# Debian's own aapt2 is too old for the resources of API 35.
aapt2=$build/aapt2
[ -x "$aapt2" ] || { unzip -p "$aapt2_jar" prebuilt/linux/aapt2_64 >"$aapt2" && chmod +x "$aapt2"; }
rm -f "$build/res.zip"
# As Gradle fills a placeholder.
sed "s/\${linkHost}/$host/" src/main/AndroidManifest.xml >"$build/AndroidManifest.xml"
"$aapt2" compile --dir src/main/res -o "$build/res.zip"
"$aapt2" link -I "$android" --manifest "$build/AndroidManifest.xml" --min-sdk-version 30 --target-sdk-version 35 \
  --java "$r" --proguard "$build/keep.pro" -o "$build/resources.apk" "$build/res.zip"
# What the packages are made against: Android's own classes, and those of Java.
printf '%s\n' "$android" "$java" >"$build/framework"
