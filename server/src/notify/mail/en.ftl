# The mails in English. Every text is there in every language, with the same values.

greeting = Hello { $account },
unexpected = If you did not expect this, tell the help desk of { $issuer } at once.
automatic = This mail was written by a server; nobody reads answers to it.
serial = Serial number
address = Server
code = Activation code
qr = QR code of this ticket

activation-subject = Your soft token for { $issuer }
activation-what = A soft token on your phone proves that it is you who signs in at { $issuer }. This ticket puts it there. It can be used once, until { $until }.
activation-scan = Are you reading this on a computer? Scan this QR code with the app on your phone.
activation-open = Are you reading this on your phone? Open this page and follow it. It asks for the activation code.
activation-type = Or choose in the app to type, and enter this.
activation-offline = Scan this QR code with the app on your phone. The app then asks for a password, which is not in this mail: whoever gave you the token has it, or you find it at { $address }/me.
activation-keep = Whoever has this mail can activate the token in your place: pass it on to nobody.

token-added-subject = A soft token was added for you at { $issuer }
token-added-what = On { $at } a soft token was added for you, with the serial number { $serial }. It can be used once it was activated on a phone.

token-active-subject = Your soft token for { $issuer } is active
token-active-what = On { $at } your soft token { $serial } became active. From now on its codes count.
token-active-model = It is on this device: { $model }.

token-disabled-subject = A soft token of yours at { $issuer } was disabled
token-disabled-what = On { $at } your soft token { $serial } was disabled. Its codes don't count until it is enabled again.

unlock-code-subject = A code was given out that unlocks your phone's app
unlock-code-what = On { $at } a code was given out with which a new PIN can be chosen for your soft token { $serial }.

temporary-codes-subject = Temporary codes were given out for you at { $issuer }
temporary-codes-what = On { $at } the help desk gave out temporary codes with which you can sign in until { $until }. They are not in this mail.

concern-subject = A concern was reported at { $issuer }
concern-what = On { $at } one of your phones reported that a request of { $application } was not yours. Requests of that kind are held back for a while; your codes go on counting.
concern-next = If it was you, nothing is to be done. If it was not, your phone may be in other hands: tell the help desk.

sign-in-subject = Your link to sign in at { $issuer }
sign-in-what = With this link you sign in to look after your soft tokens. It can be used once, until { $until }, and only in the browser in which you asked for it.
sign-in-not-you = If you did not ask for it, somebody has entered your name. Nothing happens as long as nobody uses the link.
