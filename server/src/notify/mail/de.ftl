# Die Mails auf Deutsch. Jeder Text ist in jeder Sprache da, mit denselben Werten.

greeting = Guten Tag { $account },
unexpected = Wenn Sie das nicht erwartet haben, sagen Sie es sofort der Benutzerhilfe von { $issuer }.
automatic = Diese Mail hat ein Server geschrieben; Antworten darauf liest niemand.
serial = Seriennummer
address = Server
code = Aktivierungscode
qr = QR-Code dieses Tickets

activation-subject = Ihr Soft-Token für { $issuer }
activation-what = Ein Soft-Token auf Ihrem Telefon beweist, dass Sie es sind, der sich bei { $issuer } anmeldet. Dieses Ticket bringt ihn dorthin. Es gilt einmal, bis { $until }.
activation-scan = Lesen Sie das am Computer? Scannen Sie diesen QR-Code mit der App auf Ihrem Telefon.
activation-open = Lesen Sie das auf Ihrem Telefon? Öffnen Sie diese Seite und folgen Sie ihr. Sie fragt nach dem Aktivierungscode.
activation-type = Oder wählen Sie in der App das Eintippen und geben Sie dies ein.
activation-offline = Scannen Sie diesen QR-Code mit der App auf Ihrem Telefon. Die App fragt dann nach einem Passwort, das nicht in dieser Mail steht: Wer Ihnen den Token gegeben hat, hat es, oder Sie finden es unter { $address }/me.
activation-keep = Wer diese Mail hat, kann den Token an Ihrer Stelle aktivieren: Geben Sie sie an niemanden weiter.

token-added-subject = Für Sie wurde bei { $issuer } ein Soft-Token hinzugefügt
token-added-what = Am { $at } wurde für Sie ein Soft-Token mit der Seriennummer { $serial } hinzugefügt. Er kann benutzt werden, sobald er auf einem Telefon aktiviert ist.

token-active-subject = Ihr Soft-Token für { $issuer } ist aktiv
token-active-what = Am { $at } wurde Ihr Soft-Token { $serial } aktiv. Von jetzt an gelten seine Codes.
token-active-model = Er ist auf diesem Gerät: { $model }.

token-disabled-subject = Ein Soft-Token von Ihnen bei { $issuer } wurde abgeschaltet
token-disabled-what = Am { $at } wurde Ihr Soft-Token { $serial } abgeschaltet. Seine Codes gelten nicht, bis er wieder eingeschaltet wird.

unlock-code-subject = Ein Code wurde ausgegeben, der die App auf Ihrem Telefon entsperrt
unlock-code-what = Am { $at } wurde ein Code ausgegeben, mit dem für Ihren Soft-Token { $serial } eine neue PIN gewählt werden kann.

temporary-codes-subject = Für Sie wurden bei { $issuer } vorläufige Codes ausgegeben
temporary-codes-what = Am { $at } hat die Benutzerhilfe vorläufige Codes ausgegeben, mit denen Sie sich bis { $until } anmelden können. In dieser Mail stehen sie nicht.

concern-subject = Bei { $issuer } wurde ein Verdacht gemeldet
concern-what = Am { $at } hat eines Ihrer Telefone gemeldet, dass eine Anfrage von { $application } nicht von Ihnen kam. Solche Anfragen werden eine Weile zurückgehalten; Ihre Codes gelten weiter.
concern-next = Wenn Sie das waren, ist nichts zu tun. Wenn nicht, ist Ihr Telefon vielleicht in anderen Händen: Sagen Sie es der Benutzerhilfe.

sign-in-subject = Ihr Link zur Anmeldung bei { $issuer }
sign-in-what = Mit diesem Link melden Sie sich an, um sich um Ihre Soft-Tokens zu kümmern. Er gilt einmal, bis { $until }, und nur in dem Browser, in dem Sie ihn angefordert haben.
sign-in-not-you = Wenn Sie ihn nicht angefordert haben, hat jemand Ihren Namen eingegeben. Solange niemand den Link benutzt, geschieht nichts.
