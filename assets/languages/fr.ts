<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="fr" sourcelanguage="en">
<context>
    <name>CFRNet Live</name>
    <message>
        <source>--cluster needs the package {package}.</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>--cluster demande le paquet {package}.</translation>
    </message>
    <message>
        <source>--compare works on files, and {address} is an address.</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>--compare travaille sur des fichiers, et {address} est une adresse.</translation>
    </message>
    <message>
        <source>--scale enlarges pictures and videos, neither aligned crops nor sheets</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>--scale agrandit les images et les vidéos, mais ni les visages alignés ni les planches</translation>
    </message>
    <message>
        <source>1 cycle: lowest latency</source>
        <extracomment>app/restorers/families/cfrnet.py</extracomment>
        <translation>1 cycle&#xa0;: latence minimale</translation>
    </message>
    <message>
        <source>1280x720, one moving face at 30 fps; ms a frame, p50 / p95</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>1280x720, un visage en mouvement à 30 i/s&#x202f;; ms par image, p50 / p95</translation>
    </message>
    <message>
        <source>2 cycles: nearest to the true face</source>
        <extracomment>app/restorers/families/cfrnet.py</extracomment>
        <translation>2 cycles&#xa0;: au plus près du vrai visage</translation>
    </message>
    <message>
        <source>256x256 face crops, no detection</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>visages recadrés de 256x256, sans détection</translation>
    </message>
    <message>
        <source>3 cycles: best looking</source>
        <extracomment>app/restorers/families/cfrnet.py</extracomment>
        <translation>3 cycles&#xa0;: le plus beau</translation>
    </message>
    <message>
        <source>4 cycles</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>4 cycles</translation>
    </message>
    <message>
        <source>A Snapdragon processor with an NPU; pip install onnxruntime-qnn beside onnxruntime.</source>
        <extracomment>app/restorers/providers.py</extracomment>
        <translation>Un processeur Snapdragon avec NPU&#x202f;; pip install onnxruntime-qnn en plus d’onnxruntime.</translation>
    </message>
    <message>
        <source>A camera driver (v4l2loopback on Linux, OBS on Windows and macOS) and, but for Linux, pyvirtualcam</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>Un pilote de caméra (v4l2loopback sous Linux, OBS sous Windows et macOS) et, sauf sous Linux, pyvirtualcam</translation>
    </message>
    <message>
        <source>A comparison needs names of restorers, each once.</source>
        <extracomment>app/batch/sheet.py</extracomment>
        <translation>Une comparaison demande des noms de réseaux, chacun une seule fois.</translation>
    </message>
    <message>
        <source>A cycle: {figures}.</source>
        <extracomment>app/ui/texts/engine.py</extracomment>
        <translation>Un cycle&#xa0;: {figures}.</translation>
    </message>
    <message>
        <source>A frame could not be kept for a clip.</source>
        <extracomment>app/outputs/sharing/clip.py</extracomment>
        <translation>Une image n’a pas pu être gardée pour un clip.</translation>
    </message>
    <message>
        <source>A free port; a browser, OBS or VLC opens its address</source>
        <extracomment>app/outputs/stream.py</extracomment>
        <translation>Un port libre&#x202f;; un navigateur, OBS ou VLC ouvre son adresse</translation>
    </message>
    <message>
        <source>A library that this needs cannot be loaded: {error}.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>Une bibliothèque nécessaire ne peut pas être chargée&#xa0;: {error}.</translation>
    </message>
    <message>
        <source>A network made for one pass is fed its own output again; drift is how far each pass moves it</source>
        <extracomment>app/ui/panel/cycles.py</extracomment>
        <translation>Un réseau fait pour un seul passage reçoit de nouveau sa propre sortie&#x202f;; la dérive mesure l’écart qu’ajoute chaque passage</translation>
    </message>
    <message>
        <source>A recording is being started already.</source>
        <extracomment>app/pipeline/live/recording.py</extracomment>
        <translation>Un enregistrement est déjà en train de démarrer.</translation>
    </message>
    <message>
        <source>A recording is running already.</source>
        <extracomment>app/pipeline/live/recording.py</extracomment>
        <translation>Un enregistrement est déjà en cours.</translation>
    </message>
    <message>
        <source>A worker of the cluster cannot load this application: {error}.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>Un worker du cluster ne peut pas charger cette application&#xa0;: {error}.</translation>
    </message>
    <message>
        <source>ALTERED</source>
        <extracomment>app/cli/inspection.py</extracomment>
        <translation>MODIFIÉ</translation>
    </message>
    <message>
        <source>About CFRNet Live</source>
        <extracomment>app/ui/dialogs/about.py</extracomment>
        <translation>À propos de CFRNet Live</translation>
    </message>
    <message>
        <source>About and licences…</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>À propos et licences…</translation>
    </message>
    <message>
        <source>Add yourself to the group video: sudo usermod -aG video $USER, then log in again.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>Ajoutez-vous au groupe video&#xa0;: sudo usermod -aG video $USER, puis reconnectez-vous.</translation>
    </message>
    <message>
        <source>Address of the stream</source>
        <extracomment>app/ui/dialogs/dialogs.py</extracomment>
        <translation>Adresse du flux</translation>
    </message>
    <message>
        <source>Advanced</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Avancé</translation>
    </message>
    <message>
        <source>Advanced settings</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Réglages avancés</translation>
    </message>
    <message>
        <source>After</source>
        <extracomment>app/outputs/compose.py</extracomment>
        <translation>Après</translation>
    </message>
    <message>
        <source>All</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Tous</translation>
    </message>
    <message>
        <source>All files</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>Tous les fichiers</translation>
    </message>
    <message>
        <source>An Intel processor or card; pip install onnxruntime-ep-openvino beside onnxruntime.</source>
        <extracomment>app/restorers/providers.py</extracomment>
        <translation>Un processeur ou une carte Intel&#x202f;; pip install onnxruntime-ep-openvino en plus d’onnxruntime.</translation>
    </message>
    <message>
        <source>An NVIDIA card with its driver; pip install &quot;onnxruntime-gpu[cuda,cudnn]&quot; in place of onnxruntime.</source>
        <extracomment>app/restorers/providers.py</extracomment>
        <translation>Une carte NVIDIA avec son pilote&#x202f;; pip install &quot;onnxruntime-gpu[cuda,cudnn]&quot; à la place d’onnxruntime.</translation>
    </message>
    <message>
        <source>An empty name is no file or folder.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>Un nom vide n’est ni un fichier ni un dossier.</translation>
    </message>
    <message>
        <source>Another network in place of the original, in the window only; every frame is then restored twice</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Un autre réseau à la place de l’original, dans la fenêtre seulement&#x202f;; chaque image est alors restaurée deux fois</translation>
    </message>
    <message>
        <source>Another program writes to it; close that one.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>Un autre programme y écrit&#x202f;; fermez-le.</translation>
    </message>
    <message>
        <source>Any processor.</source>
        <extracomment>app/restorers/providers.py</extracomment>
        <translation>N’importe quel processeur.</translation>
    </message>
    <message>
        <source>Application</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Application</translation>
    </message>
    <message>
        <source>As good as this machine can do in time.</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>Aussi bien que cette machine peut le faire à temps.</translation>
    </message>
    <message>
        <source>As good as this machine can do without dropping frames</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>Aussi bien que cette machine le peut sans perdre d’images</translation>
    </message>
    <message>
        <source>As the source</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>D’origine</translation>
    </message>
    <message>
        <source>Ask for the right to read it.</source>
        <extracomment>app/media/files.py, app/media/pictures/picture.py</extracomment>
        <translation>Demandez le droit de le lire.</translation>
    </message>
    <message>
        <source>Auto</source>
        <extracomment>app/core/settings.py, app/ui/panel/panel.py, app/ui/texts/quality.py</extracomment>
        <translation>Auto</translation>
    </message>
    <message>
        <source>Auto k</source>
        <extracomment>app/core/settings.py, app/ui/preview/overlay_model.py</extracomment>
        <translation>k auto</translation>
    </message>
    <message>
        <source>Auto k: {k} of {wanted}, there is room again.</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>k auto&#xa0;: {k} sur {wanted}, il y a de nouveau de la marge.</translation>
    </message>
    <message>
        <source>Auto k: {k} of {wanted}: {reason}.</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>k auto&#xa0;: {k} sur {wanted}&#xa0;: {reason}.</translation>
    </message>
    <message>
        <source>Auto quality on or off</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Activer, désactiver la qualité auto</translation>
    </message>
    <message>
        <source>Average what holds still in a moving picture, so that it does not flicker; 0 restores every frame alone</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Fait la moyenne de ce qui reste immobile dans une image animée, pour éviter le scintillement&#x202f;; 0 restaure chaque image seule</translation>
    </message>
    <message>
        <source>Before</source>
        <extracomment>app/outputs/compose.py</extracomment>
        <translation>Avant</translation>
    </message>
    <message>
        <source>Before and after copied</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Avant et après copiés</translation>
    </message>
    <message>
        <source>Before and after saved</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Avant et après enregistrés</translation>
    </message>
    <message>
        <source>Before, then after, with a divider.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Avant, puis après, avec un séparateur.</translation>
    </message>
    <message>
        <source>Begin anew with --fresh.</source>
        <extracomment>app/batch/videos/joining.py</extracomment>
        <translation>Recommencez avec --fresh.</translation>
    </message>
    <message>
        <source>Best look</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>Plus beau</translation>
    </message>
    <message>
        <source>Best look, 3 cycles</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Plus beau, 3 cycles</translation>
    </message>
    <message>
        <source>CPU</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>CPU</translation>
    </message>
    <message>
        <source>Camera</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>Caméra</translation>
    </message>
    <message>
        <source>Camera made bad</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>Caméra dégradée</translation>
    </message>
    <message>
        <source>Camera name, file, folder or stream address; empty for the first camera</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Nom d’une caméra, fichier, dossier ou adresse de flux&#x202f;; vide pour la première caméra</translation>
    </message>
    <message>
        <source>Cancel</source>
        <extracomment>app/ui/dialogs/dialogs.py, app/ui/panel/job_bar.py</extracomment>
        <translation>Annuler</translation>
    </message>
    <message>
        <source>Captions</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Légendes</translation>
    </message>
    <message>
        <source>Capture</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Capture</translation>
    </message>
    <message>
        <source>Check its cable; it is looked for by name.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>Vérifiez son câble&#x202f;; elle est cherchée par son nom.</translation>
    </message>
    <message>
        <source>Check its name and place.</source>
        <extracomment>app/sources/registry.py</extracomment>
        <translation>Vérifiez son nom et son emplacement.</translation>
    </message>
    <message>
        <source>Check its name and your rights.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>Vérifiez son nom et vos droits.</translation>
    </message>
    <message>
        <source>Check that it is whole.</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>Vérifiez qu’il est complet.</translation>
    </message>
    <message>
        <source>Check that the file is whole.</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>Vérifiez que le fichier est complet.</translation>
    </message>
    <message>
        <source>Check the address and its port.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>Vérifiez l’adresse et son port.</translation>
    </message>
    <message>
        <source>Check the address, and that the camera is on and in the same network.</source>
        <extracomment>app/sources/mjpeg.py, app/sources/stream.py</extracomment>
        <translation>Vérifiez l’adresse, et que la caméra est allumée et sur le même réseau.</translation>
    </message>
    <message>
        <source>Check the address, the name and the password.</source>
        <extracomment>app/media/remote.py, app/sources/mjpeg.py</extracomment>
        <translation>Vérifiez l’adresse, le nom et le mot de passe.</translation>
    </message>
    <message>
        <source>Check the address.</source>
        <extracomment>app/batch/jobs/plan.py, app/media/remote.py, app/sources/mjpeg.py</extracomment>
        <translation>Vérifiez l’adresse.</translation>
    </message>
    <message>
        <source>Check the name.</source>
        <extracomment>app/batch/jobs/plan.py, app/media/files.py</extracomment>
        <translation>Vérifiez le nom.</translation>
    </message>
    <message>
        <source>Check what was written.</source>
        <extracomment>app/sources/registry.py</extracomment>
        <translation>Vérifiez ce qui a été écrit.</translation>
    </message>
    <message>
        <source>Choose a camera, a file, a folder or a stream; or drop one on the picture</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Choisissez une caméra, un fichier, un dossier ou un flux&#x202f;; ou déposez-en un sur l’image</translation>
    </message>
    <message>
        <source>Choose a folder that every machine sees, or leave --shard and --join out.</source>
        <extracomment>app/batch/engine.py</extracomment>
        <translation>Choisissez un dossier que voient toutes les machines, ou laissez --shard et --join de côté.</translation>
    </message>
    <message>
        <source>Choose a folder that you may write to.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>Choisissez un dossier où vous pouvez écrire.</translation>
    </message>
    <message>
        <source>Choose a shorter one.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>Choisissez-en un plus court.</translation>
    </message>
    <message>
        <source>Choose a smaller --scale, or set CFRNET_LIVE_MAX_MEGAPIXELS to more if there is memory for it.</source>
        <extracomment>app/media/pictures/enlarge.py</extracomment>
        <translation>Choisissez un --scale plus petit, ou augmentez CFRNET_LIVE_MAX_MEGAPIXELS si la mémoire le permet.</translation>
    </message>
    <message>
        <source>Choose a smaller --scale.</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>Choisissez un --scale plus petit.</translation>
    </message>
    <message>
        <source>Choose a smaller view or scale.</source>
        <extracomment>app/media/videos/encoder.py</extracomment>
        <translation>Choisissez une vue ou une échelle plus petite.</translation>
    </message>
    <message>
        <source>Choose a video file.</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>Choisissez un fichier vidéo.</translation>
    </message>
    <message>
        <source>Choose another --k or another --restorer.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>Choisissez un autre --k ou un autre --restorer.</translation>
    </message>
    <message>
        <source>Choose another address or port.</source>
        <extracomment>app/outputs/stream.py</extracomment>
        <translation>Choisissez une autre adresse ou un autre port.</translation>
    </message>
    <message>
        <source>Choose another device.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>Choisissez un autre périphérique.</translation>
    </message>
    <message>
        <source>Choose another folder.</source>
        <extracomment>app/batch/jobs/plan.py, app/outputs/recordings/output.py, app/sources/images.py</extracomment>
        <translation>Choisissez un autre dossier.</translation>
    </message>
    <message>
        <source>Choose another name, or add --overwrite to replace it.</source>
        <extracomment>app/media/files.py, app/media/remote.py</extracomment>
        <translation>Choisissez un autre nom, ou ajoutez --overwrite pour le remplacer.</translation>
    </message>
    <message>
        <source>Choose another name.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>Choisissez un autre nom.</translation>
    </message>
    <message>
        <source>Choose another output folder.</source>
        <extracomment>app/batch/jobs/journal.py</extracomment>
        <translation>Choisissez un autre dossier de sortie.</translation>
    </message>
    <message>
        <source>Choose another precision: {known}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>Choisissez une autre précision&#xa0;: {known}.</translation>
    </message>
    <message>
        <source>Choose another stream.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>Choisissez un autre flux.</translation>
    </message>
    <message>
        <source>Choose how much is done to a face, or press 1 to 4.</source>
        <extracomment>app/ui/flows/first_hints.py</extracomment>
        <translation>Choisissez à quel point un visage est traité, ou appuyez sur une touche de 1 à 4.</translation>
    </message>
    <message>
        <source>Choose the folder for recordings…</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Choisir le dossier des enregistrements…</translation>
    </message>
    <message>
        <source>Click: all faces</source>
        <extracomment>app/ui/preview/scene.py</extracomment>
        <translation>Clic&#xa0;: tous les visages</translation>
    </message>
    <message>
        <source>Click: this face alone</source>
        <extracomment>app/ui/preview/scene.py</extracomment>
        <translation>Clic&#xa0;: ce visage seul</translation>
    </message>
    <message>
        <source>Clip saved</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Clip enregistré</translation>
    </message>
    <message>
        <source>Close</source>
        <extracomment>app/ui/actions.py, app/ui/dialogs/about.py, app/ui/dialogs/dialogs.py, app/ui/dialogs/gallery.py, app/ui/flows/sharing.py</extracomment>
        <translation>Fermer</translation>
    </message>
    <message>
        <source>Close other programs that use it, check the system&apos;s camera permission, or choose another one.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>Fermez les autres programmes qui l’utilisent, vérifiez l’autorisation de caméra du système, ou choisissez-en une autre.</translation>
    </message>
    <message>
        <source>Close other programs that use it.</source>
        <extracomment>app/pipeline/capture/worker.py</extracomment>
        <translation>Fermez les autres programmes qui l’utilisent.</translation>
    </message>
    <message>
        <source>Close the program that uses it, or choose that size.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>Fermez le programme qui l’utilise, ou choisissez cette taille.</translation>
    </message>
    <message>
        <source>Close the window</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Fermer la fenêtre</translation>
    </message>
    <message>
        <source>Connect once by hand, and compare the key that is shown with the server&apos;s: {command}</source>
        <extracomment>app/media/sftp.py</extracomment>
        <translation>Connectez-vous une fois à la main et comparez la clé affichée avec celle du serveur&#xa0;: {command}</translation>
    </message>
    <message>
        <source>Connecting</source>
        <extracomment>app/pipeline/live/session.py</extracomment>
        <translation>Connexion</translation>
    </message>
    <message>
        <source>Copy</source>
        <extracomment>app/ui/dialogs/dialogs.py</extracomment>
        <translation>Copier</translation>
    </message>
    <message>
        <source>Copy before and after</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Copier avant et après</translation>
    </message>
    <message>
        <source>Copy diagnostics</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Copier le diagnostic</translation>
    </message>
    <message>
        <source>Cut short when the program ended unexpectedly</source>
        <extracomment>app/ui/flows/capture.py</extracomment>
        <translation>Écourté, car le programme s’est arrêté de façon inattendue</translation>
    </message>
    <message>
        <source>Cycles k</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Cycles k</translation>
    </message>
    <message>
        <source>Dark</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Sombre</translation>
    </message>
    <message>
        <source>Degrade the source: few pixels, blur, noise and blocks</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Dégrade la source&#xa0;: peu de pixels, flou, bruit et blocs</translation>
    </message>
    <message>
        <source>Demo clip</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>Clip de démonstration</translation>
    </message>
    <message>
        <source>Details are in {log}.</source>
        <extracomment>app/outputs/base.py, app/pipeline/live/inference.py, app/pipeline/live/loader.py</extracomment>
        <translation>Les détails se trouvent dans {log}.</translation>
    </message>
    <message>
        <source>Detector size</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Détecteur</translation>
    </message>
    <message>
        <source>Diagnostics</source>
        <extracomment>app/ui/dialogs/dialogs.py</extracomment>
        <translation>Diagnostic</translation>
    </message>
    <message>
        <source>Diagnostics copied</source>
        <extracomment>app/ui/flows/help.py</extracomment>
        <translation>Diagnostic copié</translation>
    </message>
    <message>
        <source>Diagnostics…</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Diagnostic…</translation>
    </message>
    <message>
        <source>Dismiss</source>
        <extracomment>app/ui/dialogs/notifications.py</extracomment>
        <translation>Fermer</translation>
    </message>
    <message>
        <source>Drag the divider: before at the left, after at the right.</source>
        <extracomment>app/ui/flows/first_hints.py</extracomment>
        <translation>Déplacez le séparateur&#xa0;: avant à gauche, après à droite.</translation>
    </message>
    <message>
        <source>Drift of each pass: {steps}</source>
        <extracomment>app/ui/panel/cycles.py</extracomment>
        <translation>Dérive de chaque passage&#xa0;: {steps}</translation>
    </message>
    <message>
        <source>Drop to open</source>
        <extracomment>app/ui/preview/preview.py</extracomment>
        <translation>Déposez pour ouvrir</translation>
    </message>
    <message>
        <source>Dropped</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>Perdues</translation>
    </message>
    <message>
        <source>Each frame restored twice, by {name} too</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>Chaque image restaurée deux fois, aussi par {name}</translation>
    </message>
    <message>
        <source>Edit address…</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>Modifier l’adresse…</translation>
    </message>
    <message>
        <source>Encoding the recording takes longer than {seconds:g} s.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>L’encodage de l’enregistrement prend plus de {seconds:g} s.</translation>
    </message>
    <message>
        <source>End a face&apos;s cycles when mean |G(x) - x| falls under this; 0 never stops early</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Arrête les cycles d’un visage quand la moyenne de |G(x) - x| passe en dessous&#x202f;; 0 ne s’arrête jamais avant</translation>
    </message>
    <message>
        <source>Engine</source>
        <extracomment>app/core/setting.py, app/core/settings.py, app/ui/panel/panel.py</extracomment>
        <translation>Moteur</translation>
    </message>
    <message>
        <source>FP32, reference</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>FP32, référence</translation>
    </message>
    <message>
        <source>Face marks</source>
        <extracomment>app/core/settings.py, app/ui/actions.py</extracomment>
        <translation>Cadres des visages</translation>
    </message>
    <message>
        <source>Faces</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Visages</translation>
    </message>
    <message numerus="yes">
        <source>Faces already sharp</source>
        <extracomment>app/ui/preview/state_text.py; for one: Face already sharp</extracomment>
        <translation>
            <numerusform>Visage déjà net</numerusform>
            <numerusform>Visages déjà nets</numerusform>
        </translation>
    </message>
    <message>
        <source>Faithful</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>Fidèle</translation>
    </message>
    <message>
        <source>Faithful, 2 cycles</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Fidèle, 2 cycles</translation>
    </message>
    <message>
        <source>Fast</source>
        <extracomment>app/ui/panel/panel.py, app/ui/texts/quality.py</extracomment>
        <translation>Rapide</translation>
    </message>
    <message>
        <source>Fast, 1 cycle</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Rapide, 1 cycle</translation>
    </message>
    <message>
        <source>Fetch the models folder again, for example with `git checkout -- models`.</source>
        <extracomment>app/restorers/manifest.py</extracomment>
        <translation>Récupérez de nouveau le dossier models, par exemple avec `git checkout -- models`.</translation>
    </message>
    <message>
        <source>Fewer than {frames} frames were restored within {seconds:g} s.</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>Moins de {frames} images ont été restaurées en {seconds:g} s.</translation>
    </message>
    <message>
        <source>Files are being restored already</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Des fichiers sont déjà en cours de restauration</translation>
    </message>
    <message>
        <source>First camera</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>Première caméra</translation>
    </message>
    <message>
        <source>Folder</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Dossier</translation>
    </message>
    <message>
        <source>Folder for recordings and snapshots</source>
        <extracomment>app/ui/window.py</extracomment>
        <translation>Dossier des enregistrements et des clichés</translation>
    </message>
    <message>
        <source>Folder for the restored pictures</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Dossier pour les images restaurées</translation>
    </message>
    <message>
        <source>Four times</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>4 × plus grand</translation>
    </message>
    <message>
        <source>Frame age</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>Âge de l’image</translation>
    </message>
    <message>
        <source>Frame rate</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Cadence</translation>
    </message>
    <message>
        <source>Frames per second</source>
        <extracomment>app/ui/preview/plot.py</extracomment>
        <translation>Images par seconde</translation>
    </message>
    <message>
        <source>Free some space on that disk.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>Libérez de la place sur ce disque.</translation>
    </message>
    <message>
        <source>Free some space or choose another folder.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>Libérez de la place ou choisissez un autre dossier.</translation>
    </message>
    <message>
        <source>Free some space or look after the folder, then give the same command again: it goes on from here.</source>
        <extracomment>app/batch/jobs/journal.py</extracomment>
        <translation>Libérez de la place ou vérifiez le dossier, puis relancez la même commande&#xa0;: le travail reprend d’ici.</translation>
    </message>
    <message>
        <source>Full screen</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Plein écran</translation>
    </message>
    <message>
        <source>GB</source>
        <extracomment>app/ui/style/formatting.py</extracomment>
        <translation>Go</translation>
    </message>
    <message>
        <source>Gallery</source>
        <extracomment>app/ui/actions.py, app/ui/dialogs/gallery.py</extracomment>
        <translation>Galerie</translation>
    </message>
    <message>
        <source>Gallery…</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Galerie…</translation>
    </message>
    <message>
        <source>Get a whole copy of it.</source>
        <extracomment>app/media/pictures/picture_facts.py, app/media/videos/video_reader.py</extracomment>
        <translation>Procurez-vous une copie complète.</translation>
    </message>
    <message>
        <source>Give another name: the original is never overwritten.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>Donnez un autre nom&#xa0;: l’original n’est jamais écrasé.</translation>
    </message>
    <message>
        <source>Give the same command once more.</source>
        <extracomment>app/batch/videos/joining.py</extracomment>
        <translation>Relancez la même commande.</translation>
    </message>
    <message>
        <source>Got it</source>
        <extracomment>app/ui/dialogs/hints.py</extracomment>
        <translation>Compris</translation>
    </message>
    <message>
        <source>HOST:PORT of the stream; 127.0.0.1 is seen by this machine alone</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>HOST:PORT du flux&#x202f;; 127.0.0.1 n’est vu que de cette machine</translation>
    </message>
    <message>
        <source>Hide or show the panel</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Masquer ou afficher le panneau</translation>
    </message>
    <message>
        <source>Hold for the original</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Maintenir pour l’original</translation>
    </message>
    <message>
        <source>How bad</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Dégradation</translation>
    </message>
    <message>
        <source>How many may watch the stream at once</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Combien de personnes peuvent regarder le flux en même temps</translation>
    </message>
    <message>
        <source>How much it is degraded</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>À quel point elle est dégradée</translation>
    </message>
    <message>
        <source>How much of the restored face is blended in</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Quelle part du visage restauré est mêlée à l’image</translation>
    </message>
    <message>
        <source>How often the network is applied, within what it is made for</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Combien de fois le réseau est appliqué, dans les limites prévues</translation>
    </message>
    <message>
        <source>INT8 is the fastest on a processor, FP32 the reference; auto takes the fastest that ships</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>INT8 est le plus rapide sur un processeur, FP32 la référence&#x202f;; auto prend le plus rapide fourni</translation>
    </message>
    <message>
        <source>INT8, faster</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>INT8, rapide</translation>
    </message>
    <message>
        <source>If it is your own camera, say that you trust it: add #insecure to its address, or --insecure.</source>
        <extracomment>app/sources/tls.py</extracomment>
        <translation>Si c’est votre propre caméra, dites que vous lui faites confiance&#xa0;: ajoutez #insecure à son adresse, ou --insecure.</translation>
    </message>
    <message>
        <source>In / out</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>Entrée / sortie</translation>
    </message>
    <message>
        <source>Install OBS 30 or newer from obsproject.com, press Start Virtual Camera in it once, then close it.</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>Installez OBS 30 ou plus récent depuis obsproject.com, démarrez-y une fois la caméra virtuelle, puis fermez-le.</translation>
    </message>
    <message>
        <source>Install OBS from obsproject.com, which brings the device; Unity Capture works as well.</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>Installez OBS depuis obsproject.com, qui apporte le périphérique&#x202f;; Unity Capture convient aussi.</translation>
    </message>
    <message>
        <source>Install it beside this application.</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>Installez-le à côté de cette application.</translation>
    </message>
    <message>
        <source>Install it: pip install fsspec s3fs paramiko</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>Installez-le&#xa0;: pip install fsspec s3fs paramiko</translation>
    </message>
    <message>
        <source>Install it: pip install -r requirements-cluster.txt</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>Installez-le&#xa0;: pip install -r requirements-cluster.txt</translation>
    </message>
    <message>
        <source>Already there and kept: {kept} of {all} files</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Déjà présents, conservés&#xa0;: {kept} fichiers sur {all}</translation>
    </message>
    <message>
        <source>Check how it is written.</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>Vérifiez comment elle est écrite.</translation>
    </message>
    <message>
        <source>Choose an empty folder to restore them again.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Choisissez un dossier vide pour les restaurer à nouveau.</translation>
    </message>
    <message>
        <source>Go on</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Continuer</translation>
    </message>
    <message>
        <source>Install it: pip install pyvirtualcam. Then restart.</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>Installez-le&#xa0;: pip install pyvirtualcam. Puis redémarrez l’application.</translation>
    </message>
    <message>
        <source>Install the same version on every machine; docs/archives.md says how.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>Installez la même version sur chaque machine&#x202f;; docs/archives.md explique comment.</translation>
    </message>
    <message>
        <source>Install the same version.</source>
        <extracomment>app/batch/executors/dask_worker.py</extracomment>
        <translation>Installez la même version.</translation>
    </message>
    <message>
        <source>Install the same.</source>
        <extracomment>app/batch/executors/dask_worker.py</extracomment>
        <translation>Installez la même.</translation>
    </message>
    <message>
        <source>It comes closer to the true face, at about {fps:.0f} frames a second with {k} cycles.</source>
        <extracomment>app/ui/flows/offer.py</extracomment>
        <translation>Il s’approche davantage du vrai visage, à environ {fps:.0f} images par seconde avec {k} cycles.</translation>
    </message>
    <message>
        <source>It goes on; keep the application open until {names} is in {folder}.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>Il continue&#x202f;; gardez l’application ouverte jusqu’à ce que {names} soit dans {folder}.</translation>
    </message>
    <message>
        <source>It has no name yet; the next start of the program completes it.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>Il n’a pas encore de nom&#x202f;; le prochain démarrage du programme le terminera.</translation>
    </message>
    <message>
        <source>It has no sound</source>
        <extracomment>app/ui/texts/sound.py</extracomment>
        <translation>Pas de son</translation>
    </message>
    <message>
        <source>It is connected again by name.</source>
        <extracomment>app/pipeline/capture/attempt.py, app/pipeline/capture/worker.py</extracomment>
        <translation>Elle est reconnectée par son nom.</translation>
    </message>
    <message>
        <source>It is no MJPEG stream.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>Ce n’est pas un flux MJPEG.</translation>
    </message>
    <message>
        <source>It is tried again.</source>
        <extracomment>app/outputs/virtual_camera.py, app/pipeline/capture/attempt.py, app/sources/mjpeg.py, app/sources/stream.py</extracomment>
        <translation>Une nouvelle tentative suit.</translation>
    </message>
    <message>
        <source>It may have run out of memory: try fewer --workers.</source>
        <extracomment>app/batch/executors/processes.py</extracomment>
        <translation>La mémoire a peut-être manqué&#xa0;: essayez avec moins de --workers.</translation>
    </message>
    <message>
        <source>It was cancelled.</source>
        <extracomment>app/outputs/sharing/clip.py</extracomment>
        <translation>Il a été annulé.</translation>
    </message>
    <message>
        <source>Its address</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Son adresse</translation>
    </message>
    <message>
        <source>Its driver was unloaded; it is tried again.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>Son pilote a été déchargé&#x202f;; une nouvelle tentative suit.</translation>
    </message>
    <message>
        <source>Its first {seconds:.1f} s are in {kept}.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>Ses {seconds:.1f} premières secondes sont dans {kept}.</translation>
    </message>
    <message>
        <source>Its rate</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Sa cadence</translation>
    </message>
    <message>
        <source>Its size</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Sa taille</translation>
    </message>
    <message>
        <source>Keyboard shortcuts</source>
        <extracomment>app/ui/actions.py, app/ui/dialogs/dialogs.py, app/ui/panel/panel.py</extracomment>
        <translation>Raccourcis clavier</translation>
    </message>
    <message>
        <source>Language</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Langue</translation>
    </message>
    <message>
        <source>Language of the window and of messages; system follows the operating system</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Langue de la fenêtre et des messages&#x202f;; system suit le système d’exploitation</translation>
    </message>
    <message>
        <source>Largest face at twice its size</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Plus grand visage, deux fois plus grand</translation>
    </message>
    <message>
        <source>Latency card</source>
        <extracomment>app/core/settings.py, app/ui/actions.py</extracomment>
        <translation>Encart de latence</translation>
    </message>
    <message>
        <source>Leave --aligned out to have the face found.</source>
        <extracomment>app/batch/worker.py</extracomment>
        <translation>Retirez --aligned pour que le visage soit cherché.</translation>
    </message>
    <message>
        <source>Leave --aligned out.</source>
        <extracomment>app/batch/sheet.py</extracomment>
        <translation>Retirez --aligned.</translation>
    </message>
    <message>
        <source>Leave --watch out.</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>Retirez --watch.</translation>
    </message>
    <message>
        <source>Left half</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Moitié gauche</translation>
    </message>
    <message>
        <source>Let idle engine threads keep their core: a little faster alone, much slower beside other work</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Les threads inactifs du moteur gardent leur cœur&#xa0;: un peu plus rapide seul, bien plus lent à côté d’autres tâches</translation>
    </message>
    <message>
        <source>Let the name end in {known}.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>Le nom doit se terminer par {known}.</translation>
    </message>
    <message>
        <source>Let the picture run for some seconds.</source>
        <extracomment>app/outputs/sharing/clip.py</extracomment>
        <translation>Laissez l’image défiler quelques secondes.</translation>
    </message>
    <message>
        <source>Level of the microphone</source>
        <extracomment>app/ui/panel/sound_row.py</extracomment>
        <translation>Niveau du microphone</translation>
    </message>
    <message>
        <source>Licences</source>
        <extracomment>app/ui/dialogs/about.py</extracomment>
        <translation>Licences</translation>
    </message>
    <message>
        <source>Light</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Clair</translation>
    </message>
    <message>
        <source>Light, dark or the system&apos;s</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Clair, sombre ou celui du système</translation>
    </message>
    <message>
        <source>Live plot</source>
        <extracomment>app/core/settings.py, app/ui/actions.py</extracomment>
        <translation>Graphique en direct</translation>
    </message>
    <message>
        <source>Live plot of the last minute</source>
        <extracomment>app/ui/preview/plot.py</extracomment>
        <translation>Graphique en direct de la dernière minute</translation>
    </message>
    <message>
        <source>Loading the network…</source>
        <extracomment>app/ui/flows/live_state.py, app/ui/preview/state_text.py</extracomment>
        <translation>Chargement du réseau…</translation>
    </message>
    <message>
        <source>Longer side of the picture that the detector receives</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Côté le plus long de l’image que reçoit le détecteur</translation>
    </message>
    <message>
        <source>Look for cameras again</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Chercher de nouveau les caméras</translation>
    </message>
    <message>
        <source>Look in the camera&apos;s manual for its stream address.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>Cherchez l’adresse du flux dans le manuel de la caméra.</translation>
    </message>
    <message>
        <source>Looking for cameras…</source>
        <extracomment>app/ui/panel/source_menu.py</extracomment>
        <translation>Recherche de caméras…</translation>
    </message>
    <message>
        <source>Loupe at the pointer, before and after</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Loupe sous le pointeur, avant et après</translation>
    </message>
    <message>
        <source>Lower k before frames are dropped</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Réduit k avant de perdre des images</translation>
    </message>
    <message>
        <source>MB</source>
        <extracomment>app/ui/style/formatting.py</extracomment>
        <translation>Mo</translation>
    </message>
    <message>
        <source>MISSING</source>
        <extracomment>app/cli/inspection.py</extracomment>
        <translation>ABSENT</translation>
    </message>
    <message>
        <source>MIT licence; an installer as a whole: GPL version 3, as it contains x264</source>
        <extracomment>app/ui/dialogs/about.py</extracomment>
        <translation>Licence MIT&#x202f;; un programme d’installation dans son ensemble&#xa0;: GPL version 3, car il contient x264</translation>
    </message>
    <message>
        <source>MJPEG over HTTP, or RTSP, such as a network camera or a phone&apos;s camera app gives.</source>
        <extracomment>app/ui/dialogs/dialogs.py</extracomment>
        <translation>MJPEG par HTTP, ou RTSP, comme en donne une caméra réseau ou l’application caméra d’un téléphone.</translation>
    </message>
    <message>
        <source>Made bad</source>
        <extracomment>app/outputs/compose.py, app/ui/preview/state_text.py</extracomment>
        <translation>Dégradé</translation>
    </message>
    <message>
        <source>Make it first or choose another one.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>Créez-le d’abord ou choisissez-en un autre.</translation>
    </message>
    <message>
        <source>Make it smaller, or set CFRNET_LIVE_MAX_MEGAPIXELS to more if there is memory for it.</source>
        <extracomment>app/media/pictures/picture_size.py</extracomment>
        <translation>Réduisez-la, ou augmentez CFRNET_LIVE_MAX_MEGAPIXELS si la mémoire le permet.</translation>
    </message>
    <message>
        <source>Make it smaller, save it with fewer bits, or set CFRNET_LIVE_MAX_MEGAPIXELS to more.</source>
        <extracomment>app/media/pictures/picture_size.py</extracomment>
        <translation>Réduisez-la, enregistrez-la avec moins de bits, ou augmentez CFRNET_LIVE_MAX_MEGAPIXELS.</translation>
    </message>
    <message>
        <source>Make it smaller.</source>
        <extracomment>app/media/videos/containers.py</extracomment>
        <translation>Réduisez-la.</translation>
    </message>
    <message>
        <source>Make my camera bad</source>
        <extracomment>app/core/settings.py, app/ui/actions.py</extracomment>
        <translation>Dégrader ma caméra</translation>
    </message>
    <message>
        <source>Make one: sudo modprobe v4l2loopback exclusive_caps=1 card_label=&apos;CFRNet Live&apos; (package v4l2loopback-dkms; Chrome needs exclusive_caps=1).</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>Créez-en une&#xa0;: sudo modprobe v4l2loopback exclusive_caps=1 card_label=&apos;CFRNet Live&apos; (paquet v4l2loopback-dkms&#x202f;; Chrome demande exclusive_caps=1).</translation>
    </message>
    <message>
        <source>Making a clip of the last seconds…</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Création d’un clip des dernières secondes…</translation>
    </message>
    <message>
        <source>Measuring a cycle of {name}</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>Mesure d’un cycle de {name}</translation>
    </message>
    <message>
        <source>Measuring a moving face at k = {k}</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>Mesure d’un visage en mouvement avec k = {k}</translation>
    </message>
    <message>
        <source>Measuring this machine for about half a minute; close what else it does.</source>
        <extracomment>app/cli/inspection.py</extracomment>
        <translation>Mesure de cette machine pendant environ une demi-minute&#x202f;; fermez les autres programmes.</translation>
    </message>
    <message>
        <source>Measuring {name} on every provider</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>Mesure de {name} sur chaque fournisseur</translation>
    </message>
    <message>
        <source>Memory</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>Mémoire</translation>
    </message>
    <message>
        <source>Messages</source>
        <extracomment>app/ui/dialogs/notifications.py</extracomment>
        <translation>Messages</translation>
    </message>
    <message>
        <source>Microphone</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Microphone</translation>
    </message>
    <message>
        <source>Microphone by name; empty for the system&apos;s default</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Nom du microphone&#x202f;; vide pour celui du système</translation>
    </message>
    <message>
        <source>Milliseconds, last minute</source>
        <extracomment>app/ui/preview/plot.py</extracomment>
        <translation>Millisecondes, dernière minute</translation>
    </message>
    <message>
        <source>Mirror</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Miroir</translation>
    </message>
    <message>
        <source>Mirror recordings</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Enregistrer en miroir</translation>
    </message>
    <message>
        <source>Mirror the camera</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Caméra en miroir</translation>
    </message>
    <message>
        <source>More</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Plus</translation>
    </message>
    <message>
        <source>Move the divider (picture focused)</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Déplacer le séparateur (image active)</translation>
    </message>
    <message>
        <source>Move to trash</source>
        <extracomment>app/ui/dialogs/gallery.py</extracomment>
        <translation>Mettre à la corbeille</translation>
    </message>
    <message>
        <source>Moving face</source>
        <extracomment>app/pipeline/measuring/scene.py</extracomment>
        <translation>Visage en mouvement</translation>
    </message>
    <message>
        <source>Mute the video</source>
        <extracomment>app/ui/panel/transport.py</extracomment>
        <translation>Couper le son de la vidéo</translation>
    </message>
    <message>
        <source>Name a folder beside the input.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>Indiquez un dossier à côté de l’entrée.</translation>
    </message>
    <message>
        <source>Name a folder.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>Indiquez un dossier.</translation>
    </message>
    <message>
        <source>Name a picture.</source>
        <extracomment>app/batch/sheet.py</extracomment>
        <translation>Indiquez une image.</translation>
    </message>
    <message>
        <source>Name another address: originals are never overwritten.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>Indiquez une autre adresse&#xa0;: les originaux ne sont jamais écrasés.</translation>
    </message>
    <message>
        <source>Name another folder: originals are never overwritten.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>Indiquez un autre dossier&#xa0;: les originaux ne sont jamais écrasés.</translation>
    </message>
    <message>
        <source>Name both; a dot is the current folder.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>Indiquez les deux&#x202f;; un point désigne le dossier actuel.</translation>
    </message>
    <message>
        <source>Name that address itself.</source>
        <extracomment>app/sources/mjpeg.py, app/sources/rtsp.py</extracomment>
        <translation>Indiquez cette adresse elle-même.</translation>
    </message>
    <message>
        <source>Needs: {needs}</source>
        <extracomment>app/ui/panel/outputs.py</extracomment>
        <translation>Nécessite&#xa0;: {needs}</translation>
    </message>
    <message>
        <source>Network stream</source>
        <extracomment>app/outputs/stream.py, app/sources/stream.py</extracomment>
        <translation>Flux réseau</translation>
    </message>
    <message>
        <source>Next</source>
        <extracomment>app/ui/panel/picture_bar.py</extracomment>
        <translation>Suivante</translation>
    </message>
    <message>
        <source>Next picture of the folder</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Image suivante du dossier</translation>
    </message>
    <message>
        <source>Next view</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Affichage suivant</translation>
    </message>
    <message>
        <source>No camera found</source>
        <extracomment>app/ui/panel/source_menu.py</extracomment>
        <translation>Aucune caméra trouvée</translation>
    </message>
    <message>
        <source>No camera was found.</source>
        <extracomment>app/sources/camera.py, app/ui/texts/source.py</extracomment>
        <translation>Aucune caméra trouvée.</translation>
    </message>
    <message>
        <source>No camera, so the demo clip is playing</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>Pas de caméra&#xa0;: lecture du clip de démonstration</translation>
    </message>
    <message>
        <source>No encoder for {width}x{height} works here.</source>
        <extracomment>app/media/videos/encoder.py</extracomment>
        <translation>Aucun encodeur pour {width}x{height} ne fonctionne ici.</translation>
    </message>
    <message>
        <source>No face found</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>Aucun visage trouvé</translation>
    </message>
    <message>
        <source>No face to restore</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>Aucun visage à restaurer</translation>
    </message>
    <message>
        <source>No face was restored within {seconds:g} s.</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>Aucun visage n’a été restauré en {seconds:g} s.</translation>
    </message>
    <message>
        <source>No microphone</source>
        <extracomment>app/ui/texts/sound.py</extracomment>
        <translation>Pas de microphone</translation>
    </message>
    <message>
        <source>No scheduler answers at {address}.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>Aucun ordonnanceur ne répond à {address}.</translation>
    </message>
    <message>
        <source>No sound</source>
        <extracomment>app/ui/texts/sound.py</extracomment>
        <translation>Sans son</translation>
    </message>
    <message>
        <source>No source</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>Aucune source</translation>
    </message>
    <message>
        <source>No {kind} is named in {path}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>Aucun {kind} n’est nommé dans {path}.</translation>
    </message>
    <message>
        <source>Nodes: {nodes}.</source>
        <extracomment>app/ui/texts/engine.py</extracomment>
        <translation>Nœuds&#xa0;: {nodes}.</translation>
    </message>
    <message>
        <source>Not one of the {count} pictures in {path} can be read.</source>
        <extracomment>app/sources/images.py</extracomment>
        <translation>Aucune des {count} images de {path} ne peut être lue.</translation>
    </message>
    <message>
        <source>Not one picture of {path} can be decoded.</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>Aucune image de {path} ne peut être décodée.</translation>
    </message>
    <message>
        <source>Nothing of it could be kept.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>Rien n’a pu en être conservé.</translation>
    </message>
    <message>
        <source>Nothing was recorded yet.</source>
        <extracomment>app/ui/dialogs/gallery.py</extracomment>
        <translation>Rien n’a encore été enregistré.</translation>
    </message>
    <message>
        <source>Now {quality}.</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>Actuellement {quality}.</translation>
    </message>
    <message>
        <source>Now {quality}: there is time for it.</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>Actuellement {quality}&#xa0;: le temps suffit.</translation>
    </message>
    <message>
        <source>Now {quality}: {reason}.</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>Actuellement {quality}&#xa0;: {reason}.</translation>
    </message>
    <message>
        <source>ONNX Runtime used {provider} instead</source>
        <extracomment>app/restorers/contest.py</extracomment>
        <translation>ONNX Runtime a utilisé {provider} à la place</translation>
    </message>
    <message>
        <source>Of recordings and saved files; larger ones keep small faces finer. A live recording falls back to a smaller size where this machine is too slow</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Des enregistrements et des fichiers sauvegardés&#x202f;; plus grands, ils gardent plus de détails des petits visages. Un enregistrement en direct passe à une taille plus petite si cette machine est trop lente</translation>
    </message>
    <message>
        <source>Offline</source>
        <extracomment>app/pipeline/live/session.py</extracomment>
        <translation>Hors ligne</translation>
    </message>
    <message>
        <source>One cycle: the least delay</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>Un cycle&#xa0;: délai minimal</translation>
    </message>
    <message>
        <source>One face alone, the next one, all again</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Un visage seul, le suivant, tous de nouveau</translation>
    </message>
    <message>
        <source>Open</source>
        <extracomment>app/ui/dialogs/dialogs.py</extracomment>
        <translation>Ouvrir</translation>
    </message>
    <message>
        <source>Open a file</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Ouvrir un fichier</translation>
    </message>
    <message>
        <source>Open a file…</source>
        <extracomment>app/ui/actions.py, app/ui/texts/source.py</extracomment>
        <translation>Ouvrir un fichier…</translation>
    </message>
    <message>
        <source>Open a folder</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Ouvrir un dossier</translation>
    </message>
    <message>
        <source>Open a folder of pictures</source>
        <extracomment>app/ui/flows/choosing.py</extracomment>
        <translation>Ouvrir un dossier d’images</translation>
    </message>
    <message>
        <source>Open a folder of pictures…</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Ouvrir un dossier d’images…</translation>
    </message>
    <message>
        <source>Open a source first.</source>
        <extracomment>app/pipeline/live/recording.py, app/pipeline/live/session.py</extracomment>
        <translation>Ouvrez d’abord une source.</translation>
    </message>
    <message>
        <source>Open a stream</source>
        <extracomment>app/ui/actions.py, app/ui/dialogs/dialogs.py</extracomment>
        <translation>Ouvrir un flux</translation>
    </message>
    <message>
        <source>Open a stream…</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Ouvrir un flux…</translation>
    </message>
    <message>
        <source>Open a video or a picture</source>
        <extracomment>app/ui/flows/choosing.py</extracomment>
        <translation>Ouvrir une vidéo ou une image</translation>
    </message>
    <message>
        <source>Open a video, a picture or a folder; a camera is recorded with R.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Ouvrez une vidéo, une image ou un dossier&#x202f;; une caméra s’enregistre avec R.</translation>
    </message>
    <message>
        <source>Open folder</source>
        <extracomment>app/ui/flows/capture.py, app/ui/flows/sharing.py</extracomment>
        <translation>Ouvrir le dossier</translation>
    </message>
    <message>
        <source>Open it in the window and record it: python main.py --source ADDRESS</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>Ouvrez-le dans la fenêtre et enregistrez-le&#xa0;: python main.py --source ADDRESS</translation>
    </message>
    <message>
        <source>Open log&apos;s folder</source>
        <extracomment>app/ui/flows/help.py</extracomment>
        <translation>Ouvrir le dossier du journal</translation>
    </message>
    <message>
        <source>Open the folder for recordings</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Ouvrir le dossier des enregistrements</translation>
    </message>
    <message>
        <source>Open the log&apos;s folder</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Ouvrir le dossier du journal</translation>
    </message>
    <message>
        <source>Opening the first camera…</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>Ouverture de la première caméra…</translation>
    </message>
    <message>
        <source>Opening {name}…</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>Ouverture de {name}…</translation>
    </message>
    <message>
        <source>Opening…</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>Ouverture…</translation>
    </message>
    <message>
        <source>Opens the window. Settings given here hold this time; the others are as they were left.</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>Ouvre la fenêtre. Les réglages donnés ici valent pour cette fois&#x202f;; les autres restent tels quels.</translation>
    </message>
    <message>
        <source>Opens {address}</source>
        <extracomment>app/ui/dialogs/dialogs.py</extracomment>
        <translation>Ouvre {address}</translation>
    </message>
    <message>
        <source>Original</source>
        <extracomment>app/batch/sheet.py, app/core/settings.py, app/outputs/compose.py, app/ui/panel/panel.py, app/ui/preview/state_text.py</extracomment>
        <translation>Original</translation>
    </message>
    <message>
        <source>Original only</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Original seul</translation>
    </message>
    <message>
        <source>Others see</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Les autres voient</translation>
    </message>
    <message>
        <source>Output size</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Taille de sortie</translation>
    </message>
    <message>
        <source>Outputs</source>
        <extracomment>app/ui/panel/outputs.py</extracomment>
        <translation>Sorties</translation>
    </message>
    <message>
        <source>Passes</source>
        <extracomment>app/ui/panel/cycles.py</extracomment>
        <translation>Passages</translation>
    </message>
    <message>
        <source>Paste the picture where you like.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Collez l’image où vous voulez.</translation>
    </message>
    <message>
        <source>Paste them where you report the problem.</source>
        <extracomment>app/ui/flows/help.py</extracomment>
        <translation>Collez-le là où vous signalez le problème.</translation>
    </message>
    <message>
        <source>Pause</source>
        <extracomment>app/ui/panel/transport.py</extracomment>
        <translation>Pause</translation>
    </message>
    <message>
        <source>Pause, continue (picture focused)</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Pause, reprise (image active)</translation>
    </message>
    <message>
        <source>Paused</source>
        <extracomment>app/pipeline/live/session.py</extracomment>
        <translation>En pause</translation>
    </message>
    <message>
        <source>Paused. Press Space to go on</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>En pause. Espace pour reprendre</translation>
    </message>
    <message>
        <source>Picture before</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Image précédente</translation>
    </message>
    <message>
        <source>Picture, before and after</source>
        <extracomment>app/ui/preview/preview.py</extracomment>
        <translation>Image, avant et après</translation>
    </message>
    <message>
        <source>Pictures</source>
        <extracomment>app/sources/images.py, app/ui/texts/source.py</extracomment>
        <translation>Images</translation>
    </message>
    <message>
        <source>Pictures per second of the virtual camera</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Images par seconde de la caméra virtuelle</translation>
    </message>
    <message>
        <source>Place in the video</source>
        <extracomment>app/ui/panel/transport.py</extracomment>
        <translation>Position dans la vidéo</translation>
    </message>
    <message>
        <source>Play</source>
        <extracomment>app/ui/dialogs/gallery.py, app/ui/panel/transport.py</extracomment>
        <translation>Lire</translation>
    </message>
    <message>
        <source>Play sound</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Jouer le son</translation>
    </message>
    <message>
        <source>Play the demo clip</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Lire le clip de démonstration</translation>
    </message>
    <message>
        <source>Play the sound of a video</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Joue le son d’une vidéo</translation>
    </message>
    <message>
        <source>Play the video&apos;s sound</source>
        <extracomment>app/ui/panel/transport.py</extracomment>
        <translation>Jouer le son de la vidéo</translation>
    </message>
    <message>
        <source>Plot the last minute under the picture</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Trace la dernière minute sous l’image</translation>
    </message>
    <message>
        <source>Plug it in or choose one of: {known}.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>Branchez-la ou choisissez parmi&#xa0;: {known}.</translation>
    </message>
    <message>
        <source>Plug one in and press F5, or open a file or a stream.</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>Branchez-en une et appuyez sur F5, ou ouvrez un fichier ou un flux.</translation>
    </message>
    <message>
        <source>Plug one in, or choose a file or a stream.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>Branchez-en une, ou choisissez un fichier ou un flux.</translation>
    </message>
    <message>
        <source>Position of the divider</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Position du séparateur</translation>
    </message>
    <message>
        <source>Precision</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Précision</translation>
    </message>
    <message>
        <source>Previous</source>
        <extracomment>app/ui/panel/picture_bar.py</extracomment>
        <translation>Précédente</translation>
    </message>
    <message>
        <source>Program</source>
        <extracomment>app/ui/dialogs/about.py</extracomment>
        <translation>Programme</translation>
    </message>
    <message>
        <source>Progress</source>
        <extracomment>app/ui/panel/job_bar.py</extracomment>
        <translation>Progression</translation>
    </message>
    <message>
        <source>Quality</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Qualité</translation>
    </message>
    <message>
        <source>R records, S takes a picture.</source>
        <extracomment>app/ui/flows/first_hints.py</extracomment>
        <translation>R enregistre, S prend une photo.</translation>
    </message>
    <message>
        <source>Recent</source>
        <extracomment>app/ui/panel/source_menu.py</extracomment>
        <translation>Récents</translation>
    </message>
    <message>
        <source>Record</source>
        <extracomment>app/ui/panel/panel.py, app/ui/texts/sound.py</extracomment>
        <translation>Enregistrer</translation>
    </message>
    <message>
        <source>Record a video</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Enregistrer une vidéo</translation>
    </message>
    <message>
        <source>Record and save the mirrored picture too</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Enregistre et sauvegarde aussi en miroir</translation>
    </message>
    <message>
        <source>Record the video&apos;s own sound, or the microphone beside a camera</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Enregistre le son de la vidéo, ou le microphone avec une caméra</translation>
    </message>
    <message>
        <source>Record, no sound</source>
        <extracomment>app/ui/texts/sound.py</extracomment>
        <translation>Enregistrer muet</translation>
    </message>
    <message>
        <source>Record, stop</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Enregistrer, arrêter</translation>
    </message>
    <message>
        <source>Recording</source>
        <extracomment>app/core/setting.py, app/core/settings.py, app/outputs/recordings/output.py</extracomment>
        <translation>Enregistrement</translation>
    </message>
    <message>
        <source>Recording failed: {error}.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>L’enregistrement a échoué&#xa0;: {error}.</translation>
    </message>
    <message>
        <source>Recording {duration}</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>Enregistrement {duration}</translation>
    </message>
    <message>
        <source>Recording {size}: {wanted} times is too slow here. Save restored… has time for it.</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>Enregistrement {size}&#xa0;: {wanted} fois est trop lent ici. «&#x202f;Enregistrer le résultat…&#x202f;» en a le temps.</translation>
    </message>
    <message>
        <source>Recordings and pictures</source>
        <extracomment>app/ui/dialogs/gallery.py</extracomment>
        <translation>Enregistrements et images</translation>
    </message>
    <message>
        <source>Requested from the camera</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Demandé à la caméra</translation>
    </message>
    <message>
        <source>Requested from the camera; the window shows what it delivers</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Demandé à la caméra&#x202f;; la fenêtre montre ce qu’elle fournit</translation>
    </message>
    <message>
        <source>Reset all settings</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Réinitialiser tous les réglages</translation>
    </message>
    <message>
        <source>Resolution</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Résolution</translation>
    </message>
    <message>
        <source>Restoration</source>
        <extracomment>app/core/setting.py, app/ui/actions.py</extracomment>
        <translation>Restauration</translation>
    </message>
    <message>
        <source>Restore it again when nothing writes to it.</source>
        <extracomment>app/batch/jobs/task.py</extracomment>
        <translation>Restaurez-le de nouveau quand plus rien n’y écrit.</translation>
    </message>
    <message>
        <source>Restore it again with --fresh.</source>
        <extracomment>app/batch/videos/joining.py</extracomment>
        <translation>Restaurez-la de nouveau avec --fresh.</translation>
    </message>
    <message>
        <source>Restore the largest N faces; 0 restores all</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Restaure les N plus grands visages&#x202f;; 0 les restaure tous</translation>
    </message>
    <message>
        <source>Restore the whole file</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Restaurer tout le fichier</translation>
    </message>
    <message>
        <source>Restore without it, or copy the file here first.</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>Restaurez sans cette option, ou copiez d’abord le fichier ici.</translation>
    </message>
    <message>
        <source>Restored</source>
        <extracomment>app/core/settings.py, app/outputs/compose.py, app/ui/preview/state_text.py</extracomment>
        <translation>Restauré</translation>
    </message>
    <message>
        <source>Restored and saved</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Restauré et enregistré</translation>
    </message>
    <message>
        <source>Restored only</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Restauré seul</translation>
    </message>
    <message>
        <source>Restorer</source>
        <extracomment>app/core/settings.py, app/ui/panel/panel.py</extracomment>
        <translation>Réseau</translation>
    </message>
    <message>
        <source>Restorers are: {known}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>Réseaux disponibles&#xa0;: {known}.</translation>
    </message>
    <message>
        <source>Restores every face in a picture, a video (every frame and the sound are kept) or a folder of both
(names and subfolders are kept). Outside the faces nothing changes. The input is never overwritten.</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>Restaure chaque visage d’une image, d’une vidéo (toutes les images et le son sont conservés) ou d’un dossier des deux
(noms et sous-dossiers sont conservés). Rien ne change en dehors des visages. L’entrée n’est jamais écrasée.</translation>
    </message>
    <message>
        <source>Restores faces live, with a network that is applied k times (arXiv 2606.06850).</source>
        <extracomment>app/ui/dialogs/about.py</extracomment>
        <translation>Restaure des visages en direct, avec un réseau appliqué k fois (arXiv 2606.06850).</translation>
    </message>
    <message>
        <source>Restores faces live, with a small network applied k times. No command opens the window.</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>Restaure des visages en direct, avec un petit réseau appliqué k fois. Sans commande, la fenêtre s’ouvre.</translation>
    </message>
    <message>
        <source>Restoring failed: {error}.</source>
        <extracomment>app/batch/background.py, app/pipeline/live/inference.py</extracomment>
        <translation>La restauration a échoué&#xa0;: {error}.</translation>
    </message>
    <message>
        <source>Restoring was cancelled</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>La restauration a été annulée</translation>
    </message>
    <message>
        <source>Restoring {name}</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Restauration de {name}</translation>
    </message>
    <message>
        <source>Retry</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>Réessayer</translation>
    </message>
    <message>
        <source>Room on the disk</source>
        <extracomment>app/outputs/recordings/output.py</extracomment>
        <translation>De la place sur le disque</translation>
    </message>
    <message>
        <source>Run the shards that are missing, or leave --join out to do the rest here.</source>
        <extracomment>app/batch/engine.py</extracomment>
        <translation>Exécutez les parties manquantes, ou retirez --join pour faire le reste ici.</translation>
    </message>
    <message>
        <source>Same as the system</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Comme le système</translation>
    </message>
    <message>
        <source>Save before and after in one picture</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Enregistrer avant et après en une image</translation>
    </message>
    <message>
        <source>Save it as RGB.</source>
        <extracomment>app/media/pictures/picture_facts.py</extracomment>
        <translation>Enregistrez-la en RGB.</translation>
    </message>
    <message>
        <source>Save it as one file, for example with `onnx.save_model(model, path)`, and describe it anew.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>Enregistrez-le en un seul fichier, par exemple avec `onnx.save_model(model, path)`, et décrivez-le de nouveau.</translation>
    </message>
    <message>
        <source>Save it with 8 or 16 bits.</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>Enregistrez-la en 8 ou 16 bits.</translation>
    </message>
    <message>
        <source>Save restored</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Enregistrer le résultat</translation>
    </message>
    <message>
        <source>Save restored…</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Enregistrer le résultat…</translation>
    </message>
    <message>
        <source>Save the one that is meant as a file of its own.</source>
        <extracomment>app/media/pictures/picture_facts.py</extracomment>
        <translation>Enregistrez celle qui convient dans un fichier à part.</translation>
    </message>
    <message>
        <source>Saved {names}</source>
        <extracomment>app/ui/flows/capture.py</extracomment>
        <translation>{names} enregistré</translation>
    </message>
    <message>
        <source>Saved {names}.</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>{names} enregistré.</translation>
    </message>
    <message>
        <source>Saving to the same place later goes on with what is finished.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Un enregistrement ultérieur au même endroit reprend ce qui est terminé.</translation>
    </message>
    <message>
        <source>Sees 16x16 pixels of a face, whatever it is given: it suits faces that are hardly larger.</source>
        <extracomment>app/restorers/families/pfsrnet.py</extracomment>
        <translation>Voit 16x16 pixels d’un visage, quoi qu’on lui donne&#xa0;: il convient aux visages à peine plus grands.</translation>
    </message>
    <message>
        <source>Set everything up with `python3 bootstrap.py run`; it names what the system itself lacks.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>Installez le tout avec `python3 bootstrap.py run`&#x202f;; il indique ce qui manque au système.</translation>
    </message>
    <message>
        <source>Set the camera to a smaller size.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>Réglez la caméra sur une taille plus petite.</translation>
    </message>
    <message>
        <source>Settings are as they were</source>
        <extracomment>app/ui/flows/reset.py</extracomment>
        <translation>Les réglages sont comme avant</translation>
    </message>
    <message>
        <source>Settings are at their defaults already</source>
        <extracomment>app/ui/flows/reset.py</extracomment>
        <translation>Les réglages sont déjà à leurs valeurs par défaut</translation>
    </message>
    <message>
        <source>Settings are back to their defaults</source>
        <extracomment>app/ui/flows/reset.py</extracomment>
        <translation>Les réglages sont revenus à leurs valeurs par défaut</translation>
    </message>
    <message>
        <source>Shards keep their journals in the output folder, and that is behind an address.</source>
        <extracomment>app/batch/engine.py</extracomment>
        <translation>Les parties tiennent leur journal dans le dossier de sortie, qui se trouve derrière une adresse.</translation>
    </message>
    <message>
        <source>Share the last seconds as a clip</source>
        <extracomment>app/ui/actions.py, app/ui/menus.py</extracomment>
        <translation>Partager les dernières secondes en clip</translation>
    </message>
    <message>
        <source>Share: clips, pictures, whole files</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Partager&#xa0;: clips, images, fichiers entiers</translation>
    </message>
    <message>
        <source>Show a camera as a mirror does; recordings are not mirrored</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Montre une caméra comme un miroir&#x202f;; les enregistrements ne sont pas en miroir</translation>
    </message>
    <message>
        <source>Show each face&apos;s box and the cycles it took</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Montre le cadre de chaque visage et ses cycles</translation>
    </message>
    <message>
        <source>Show in folder</source>
        <extracomment>app/ui/dialogs/gallery.py</extracomment>
        <translation>Afficher dans le dossier</translation>
    </message>
    <message>
        <source>Show or hide everything else: camera, cycles, outputs, engine</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Afficher ou masquer tout le reste&#xa0;: caméra, cycles, sorties, moteur</translation>
    </message>
    <message>
        <source>Show the time of every stage</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Montre le temps de chaque étape</translation>
    </message>
    <message>
        <source>Side by side</source>
        <extracomment>app/core/settings.py, app/ui/panel/panel.py</extracomment>
        <translation>Côte à côte</translation>
    </message>
    <message>
        <source>Single</source>
        <extracomment>app/ui/panel/cycles.py</extracomment>
        <translation>Un seul</translation>
    </message>
    <message>
        <source>Size of its picture; another shape gets bars</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Taille de son image&#x202f;; un autre format reçoit des bandes</translation>
    </message>
    <message>
        <source>Slowed down: {rate}</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>Ralenti&#xa0;: {rate}</translation>
    </message>
    <message>
        <source>Snapshot saved, before and after</source>
        <extracomment>app/ui/flows/capture.py</extracomment>
        <translation>Cliché enregistré, avant et après</translation>
    </message>
    <message>
        <source>Snapshot, before and after</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Cliché, avant et après</translation>
    </message>
    <message>
        <source>Snapshot: saves before and after</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Cliché&#xa0;: enregistre avant et après</translation>
    </message>
    <message>
        <source>Something unexpected went wrong: {error}</source>
        <extracomment>app/ui/reports.py</extracomment>
        <translation>Une erreur inattendue s’est produite&#xa0;: {error}</translation>
    </message>
    <message>
        <source>Sound</source>
        <extracomment>app/core/settings.py, app/ui/panel/sound_row.py</extracomment>
        <translation>Son</translation>
    </message>
    <message>
        <source>Sound of recordings</source>
        <extracomment>app/ui/panel/sound_row.py</extracomment>
        <translation>Son des enregistrements</translation>
    </message>
    <message>
        <source>Source</source>
        <extracomment>app/core/setting.py, app/core/settings.py, app/ui/actions.py, app/ui/panel/panel.py</extracomment>
        <translation>Source</translation>
    </message>
    <message>
        <source>Source is {state}</source>
        <extracomment>app/ui/panel/status_line.py</extracomment>
        <translation>Source&#xa0;: {state}</translation>
    </message>
    <message>
        <source>Source: {name}</source>
        <extracomment>app/ui/style/buttons.py</extracomment>
        <translation>Source&#xa0;: {name}</translation>
    </message>
    <message>
        <source>Spinning</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Attente active</translation>
    </message>
    <message>
        <source>Split</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Divisé</translation>
    </message>
    <message>
        <source>Split as seen</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Comme affiché</translation>
    </message>
    <message>
        <source>Split: drag the divider</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Divisé&#xa0;: déplacez le séparateur</translation>
    </message>
    <message>
        <source>Start it again and give the same command: it goes on.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>Redémarrez-le et relancez la même commande&#xa0;: le travail reprend.</translation>
    </message>
    <message>
        <source>Start it on a desktop. Without one, `{program} restore` works on files; see --help.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>Lancez-le sur un bureau. Sans bureau, `{program} restore` travaille sur des fichiers&#x202f;; voir --help.</translation>
    </message>
    <message>
        <source>Start one with `dask scheduler`.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>Démarrez-en un avec `dask scheduler`.</translation>
    </message>
    <message>
        <source>Start some with `dask worker`.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>Démarrez-en avec `dask worker`.</translation>
    </message>
    <message>
        <source>Starting…</source>
        <extracomment>app/ui/panel/outputs.py, app/ui/panel/status_line.py, app/ui/preview/preview.py</extracomment>
        <translation>Démarrage…</translation>
    </message>
    <message>
        <source>Steady</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Stabilité</translation>
    </message>
    <message>
        <source>Stop  {duration}  {size}</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Arrêter  {duration}  {size}</translation>
    </message>
    <message>
        <source>Stop and close</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Arrêter et fermer</translation>
    </message>
    <message>
        <source>Stop below</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Arrêt sous</translation>
    </message>
    <message>
        <source>Stop it first.</source>
        <extracomment>app/outputs/fanout.py, app/pipeline/live/recording.py</extracomment>
        <translation>Arrêtez-la d’abord.</translation>
    </message>
    <message>
        <source>Stop recording</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Arrêter l’enregistrement</translation>
    </message>
    <message>
        <source>Strength</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Intensité</translation>
    </message>
    <message>
        <source>Strength down</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Moins d’intensité</translation>
    </message>
    <message>
        <source>Strength up</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Plus d’intensité</translation>
    </message>
    <message>
        <source>System microphone</source>
        <extracomment>app/ui/texts/sound.py</extracomment>
        <translation>Micro du système</translation>
    </message>
    <message>
        <source>TB</source>
        <extracomment>app/ui/style/formatting.py</extracomment>
        <translation>To</translation>
    </message>
    <message>
        <source>Target rate</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Cadence visée</translation>
    </message>
    <message>
        <source>That part is in {kept}. Add --overwrite to restore it again.</source>
        <extracomment>app/batch/run.py</extracomment>
        <translation>Cette partie se trouve dans {kept}. Ajoutez --overwrite pour la restaurer à nouveau.</translation>
    </message>
    <message>
        <source>The camera does not open, so the demo clip is playing</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>La caméra ne s’ouvre pas, le clip de démonstration est donc lu</translation>
    </message>
    <message>
        <source>The camera {name} cannot be opened.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>La caméra {name} ne peut pas être ouverte.</translation>
    </message>
    <message>
        <source>The camera {name} opens but gives no picture.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>La caméra {name} s’ouvre mais ne donne aucune image.</translation>
    </message>
    <message>
        <source>The camera {name} stopped giving pictures.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>La caméra {name} a cessé de donner des images.</translation>
    </message>
    <message>
        <source>The chosen face is out of sight · Esc: all faces</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>Le visage choisi n’est pas visible · Échap&#xa0;: tous les visages</translation>
    </message>
    <message>
        <source>The clip was not made.</source>
        <extracomment>app/outputs/sharing/clip.py</extracomment>
        <translation>Le clip n’a pas été créé.</translation>
    </message>
    <message>
        <source>The details are in {log}</source>
        <extracomment>app/batch/background.py, app/batch/worker.py, app/cli/messages.py, app/ui/reports.py</extracomment>
        <translation>Les détails se trouvent dans {log}</translation>
    </message>
    <message>
        <source>The disk of {folder} is almost full.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>Le disque de {folder} est presque plein.</translation>
    </message>
    <message>
        <source>The encoder {encoder} cannot be used here for {width}x{height} pixels.</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>L’encodeur {encoder} ne peut pas être utilisé ici pour {width}x{height} pixels.</translation>
    </message>
    <message>
        <source>The face detector failed: {error}.</source>
        <extracomment>app/faces/detector.py</extracomment>
        <translation>Le détecteur de visages a échoué&#xa0;: {error}.</translation>
    </message>
    <message>
        <source>The face detector is missing: {model}.</source>
        <extracomment>app/faces/detector.py</extracomment>
        <translation>Le détecteur de visages manque&#xa0;: {model}.</translation>
    </message>
    <message>
        <source>The face detector {name} was refused: {error}.</source>
        <extracomment>app/faces/detector.py</extracomment>
        <translation>Le détecteur de visages {name} a été refusé&#xa0;: {error}.</translation>
    </message>
    <message>
        <source>The file being recorded was deleted or moved away.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>Le fichier en cours d’enregistrement a été supprimé ou déplacé.</translation>
    </message>
    <message>
        <source>The file is damaged.</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>Le fichier est endommagé.</translation>
    </message>
    <message>
        <source>The folder of {path} does not exist.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>Le dossier de {path} n’existe pas.</translation>
    </message>
    <message>
        <source>The folder {path} may not be read.</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>Le dossier {path} ne peut pas être lu&#xa0;: accès refusé.</translation>
    </message>
    <message>
        <source>The frame rate that auto k holds</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>La cadence que k auto maintient</translation>
    </message>
    <message>
        <source>The inference engine failed: {error}.</source>
        <extracomment>app/restorers/engine.py</extracomment>
        <translation>Le moteur d’inférence a échoué&#xa0;: {error}.</translation>
    </message>
    <message>
        <source>The inference engine refused {file}: {error}.</source>
        <extracomment>app/restorers/engine.py</extracomment>
        <translation>Le moteur d’inférence a refusé {file}&#xa0;: {error}.</translation>
    </message>
    <message>
        <source>The journal in {folder} cannot be written ({error}).</source>
        <extracomment>app/batch/jobs/journal.py</extracomment>
        <translation>Le journal dans {folder} ne peut pas être écrit ({error}).</translation>
    </message>
    <message>
        <source>The journal {path} cannot be opened ({error}).</source>
        <extracomment>app/batch/jobs/journal.py</extracomment>
        <translation>Le journal {path} ne peut pas être ouvert ({error}).</translation>
    </message>
    <message>
        <source>The key of {host} is not among those that this computer knows.</source>
        <extracomment>app/media/sftp.py</extracomment>
        <translation>La clé de {host} ne figure pas parmi celles que cet ordinateur connaît.</translation>
    </message>
    <message>
        <source>The list of models cannot be read: {path} ({reason}).</source>
        <extracomment>app/restorers/manifest.py</extracomment>
        <translation>La liste des modèles ne peut pas être lue&#xa0;: {path} ({reason}).</translation>
    </message>
    <message>
        <source>The list of models is damaged: {path} ({error}).</source>
        <extracomment>app/restorers/manifest.py</extracomment>
        <translation>La liste des modèles est endommagée&#xa0;: {path} ({error}).</translation>
    </message>
    <message>
        <source>The list of models {path} cannot be used: {error}.</source>
        <extracomment>app/restorers/manifest.py</extracomment>
        <translation>La liste des modèles {path} ne peut pas être utilisée&#xa0;: {error}.</translation>
    </message>
    <message>
        <source>The list of models {path} lacks the field {error}.</source>
        <extracomment>app/restorers/manifest.py</extracomment>
        <translation>Il manque le champ {error} à la liste des modèles {path}.</translation>
    </message>
    <message>
        <source>The model {name} ({precision})</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>Le modèle {name} ({precision})</translation>
    </message>
    <message>
        <source>The model {name} is a {kind}, not a restorer.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>Le modèle {name} est un {kind}, pas un réseau de restauration.</translation>
    </message>
    <message>
        <source>The name of {path} is too long for any disk.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>Le nom de {path} est trop long pour n’importe quel disque.</translation>
    </message>
    <message>
        <source>The name of {path} is too long for this disk.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>Le nom de {path} est trop long pour ce disque.</translation>
    </message>
    <message>
        <source>The network gave values that are no numbers.</source>
        <extracomment>app/restorers/buffers.py</extracomment>
        <translation>Le réseau a donné des valeurs qui ne sont pas des nombres.</translation>
    </message>
    <message>
        <source>The network that restores faces</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Le réseau qui restaure les visages</translation>
    </message>
    <message>
        <source>The network that restores faces; empty for the default one</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Le réseau qui restaure les visages&#x202f;; vide pour celui par défaut</translation>
    </message>
    <message>
        <source>The networks were trained on pictures gathered for research. Using them for anything else is not covered by the licence of the program.</source>
        <extracomment>app/ui/dialogs/about.py</extracomment>
        <translation>Les réseaux ont été entraînés sur des images réunies pour la recherche. La licence du programme ne couvre aucun autre usage.</translation>
    </message>
    <message>
        <source>The others are in the source menu, under Recent.</source>
        <extracomment>app/ui/flows/choosing.py</extracomment>
        <translation>Les autres sont dans le menu des sources, sous Récents.</translation>
    </message>
    <message>
        <source>The output failed: {error}.</source>
        <extracomment>app/outputs/base.py</extracomment>
        <translation>La sortie a échoué&#xa0;: {error}.</translation>
    </message>
    <message>
        <source>The pieces of a video overlap.</source>
        <extracomment>app/batch/videos/joining.py</extracomment>
        <translation>Les morceaux d’une vidéo se chevauchent.</translation>
    </message>
    <message>
        <source>The pieces of a video were encoded differently: {name}.</source>
        <extracomment>app/batch/videos/joining.py</extracomment>
        <translation>Les morceaux d’une vidéo ont été encodés différemment&#xa0;: {name}.</translation>
    </message>
    <message>
        <source>The restored picture</source>
        <extracomment>app/outputs/stream.py</extracomment>
        <translation>L’image restaurée</translation>
    </message>
    <message>
        <source>The restored piece {path} cannot be read ({reason}).</source>
        <extracomment>app/batch/videos/joining.py</extracomment>
        <translation>Le morceau restauré {path} ne peut pas être lu ({reason}).</translation>
    </message>
    <message>
        <source>The restorer {name} could not be loaded: {error}.</source>
        <extracomment>app/pipeline/live/loader.py</extracomment>
        <translation>Le réseau {name} n’a pas pu être chargé&#xa0;: {error}.</translation>
    </message>
    <message>
        <source>The results cannot be printed: {reason}.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>Les résultats ne peuvent pas être affichés&#xa0;: {reason}.</translation>
    </message>
    <message>
        <source>The scheduler has no workers.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>L’ordonnanceur n’a aucun worker.</translation>
    </message>
    <message>
        <source>The scheduler is gone.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>L’ordonnanceur a disparu.</translation>
    </message>
    <message>
        <source>The sound of {path} cannot be read ({reason}).</source>
        <extracomment>app/media/videos/sound_reader.py</extracomment>
        <translation>Le son de {path} ne peut pas être lu ({reason}).</translation>
    </message>
    <message>
        <source>The source</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>La source</translation>
    </message>
    <message>
        <source>The source cannot be opened.</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>La source ne peut pas être ouverte.</translation>
    </message>
    <message>
        <source>The source did not open within {seconds:g} s.</source>
        <extracomment>app/pipeline/capture/worker.py</extracomment>
        <translation>La source ne s’est pas ouverte en {seconds:g} s.</translation>
    </message>
    <message>
        <source>The source failed.</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>La source a échoué.</translation>
    </message>
    <message>
        <source>The source failed: {error}.</source>
        <extracomment>app/pipeline/capture/attempt.py</extracomment>
        <translation>La source a échoué&#xa0;: {error}.</translation>
    </message>
    <message>
        <source>The stream cannot be served at {host}:{port}: {reason}.</source>
        <extracomment>app/outputs/stream.py</extracomment>
        <translation>Le flux ne peut pas être diffusé sur {host}:{port}&#xa0;: {reason}.</translation>
    </message>
    <message>
        <source>The stream {address} ended.</source>
        <extracomment>app/sources/mjpeg.py, app/sources/stream.py</extracomment>
        <translation>Le flux {address} est terminé.</translation>
    </message>
    <message>
        <source>The stream {address} is too slow.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>Le flux {address} est trop lent.</translation>
    </message>
    <message>
        <source>The stream {address} sends a picture that is too large.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>Le flux {address} envoie une image trop grande.</translation>
    </message>
    <message>
        <source>The stream {address} sends damaged pictures only.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>Le flux {address} n’envoie que des images endommagées.</translation>
    </message>
    <message>
        <source>The stream {address} sends headers that cannot be read.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>Le flux {address} envoie des en-têtes illisibles.</translation>
    </message>
    <message>
        <source>The stream {address} stalled.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>Le flux {address} s’est figé.</translation>
    </message>
    <message>
        <source>The stream {address} stopped ({reason}).</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>Le flux {address} s’est arrêté ({reason}).</translation>
    </message>
    <message>
        <source>The stream {address} was cut.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>Le flux {address} a été coupé.</translation>
    </message>
    <message>
        <source>The system&apos;s microphone does not open: the recording has no sound.</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>Le microphone du système ne s’ouvre pas : l’enregistrement n’a pas de son.</translation>
    </message>
    <message>
        <source>The video&apos;s sound</source>
        <extracomment>app/ui/texts/sound.py</extracomment>
        <translation>Son de la vidéo</translation>
    </message>
    <message>
        <source>The virtual camera needs the package pyvirtualcam, which is not installed.</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>La caméra virtuelle demande le paquet pyvirtualcam, qui n’est pas installé.</translation>
    </message>
    <message>
        <source>The virtual camera {name} is gone ({error}).</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>La caméra virtuelle {name} a disparu ({error}).</translation>
    </message>
    <message>
        <source>The virtual camera {path} cannot be used: {reason}.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>La caméra virtuelle {path} ne peut pas être utilisée&#xa0;: {reason}.</translation>
    </message>
    <message>
        <source>The worker that restored {name} died {attempts} times.</source>
        <extracomment>app/batch/executors/processes.py</extracomment>
        <translation>Le worker qui restaurait {name} s’est arrêté {attempts} fois.</translation>
    </message>
    <message>
        <source>The worker {name} cannot take part: {error}</source>
        <extracomment>app/batch/executors/dask_worker.py</extracomment>
        <translation>Le worker {name} ne peut pas participer&#xa0;: {error}</translation>
    </message>
    <message>
        <source>The worker {name} has other networks than this machine.</source>
        <extracomment>app/batch/executors/dask_worker.py</extracomment>
        <translation>Le worker {name} a d’autres réseaux que cette machine.</translation>
    </message>
    <message>
        <source>The worker {name} has version {there}, this is {here}.</source>
        <extracomment>app/batch/executors/dask_worker.py</extracomment>
        <translation>Le worker {name} a la version {there}, celle-ci est {here}.</translation>
    </message>
    <message>
        <source>The workers that restored {name} died: {error}.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>Les workers qui restauraient {name} se sont arrêtés&#xa0;: {error}.</translation>
    </message>
    <message>
        <source>Theme</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Thème</translation>
    </message>
    <message>
        <source>There are no pictures in {folder}.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>Il n’y a aucune image dans {folder}.</translation>
    </message>
    <message>
        <source>There are no pictures or videos in {folder}.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>Il n’y a ni image ni vidéo dans {folder}.</translation>
    </message>
    <message>
        <source>There are: {known}.</source>
        <extracomment>app/batch/sheet.py</extracomment>
        <translation>Disponibles&#xa0;: {known}.</translation>
    </message>
    <message>
        <source>There is no camera called {name}.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>Il n’y a pas de caméra nommée {name}.</translation>
    </message>
    <message>
        <source>There is no display to open a window on.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>Il n’y a pas d’écran pour ouvrir une fenêtre.</translation>
    </message>
    <message>
        <source>There is no file or folder called {source}.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>Il n’y a ni fichier ni dossier nommé {source}.</translation>
    </message>
    <message>
        <source>There is no file or folder {text}.</source>
        <extracomment>app/sources/registry.py</extracomment>
        <translation>Il n’y a ni fichier ni dossier {text}.</translation>
    </message>
    <message>
        <source>There is no file to save</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Il n’y a pas de fichier à enregistrer</translation>
    </message>
    <message>
        <source>There is no file {path}.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>Il n’y a pas de fichier {path}.</translation>
    </message>
    <message>
        <source>There is no free name for a recording in {folder}.</source>
        <extracomment>app/outputs/recordings/output.py</extracomment>
        <translation>Il n’y a pas de nom libre pour un enregistrement dans {folder}.</translation>
    </message>
    <message>
        <source>There is no model {name}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>Il n’y a pas de modèle {name}.</translation>
    </message>
    <message>
        <source>There is no output called {name}.</source>
        <extracomment>app/outputs/registry.py</extracomment>
        <translation>Il n’y a pas de sortie nommée {name}.</translation>
    </message>
    <message>
        <source>There is no picture in the folder {path}.</source>
        <extracomment>app/sources/images.py</extracomment>
        <translation>Il n’y a aucune image dans le dossier {path}.</translation>
    </message>
    <message>
        <source>There is no picture to copy yet</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Il n’y a pas encore d’image à copier</translation>
    </message>
    <message>
        <source>There is no picture to record yet.</source>
        <extracomment>app/pipeline/live/recording.py</extracomment>
        <translation>Il n’y a pas encore d’image à enregistrer.</translation>
    </message>
    <message>
        <source>There is no picture to save yet</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Il n’y a pas encore d’image à sauvegarder</translation>
    </message>
    <message>
        <source>There is no picture to save yet.</source>
        <extracomment>app/pipeline/live/session.py</extracomment>
        <translation>Il n’y a pas encore d’image à sauvegarder.</translation>
    </message>
    <message>
        <source>There is no room for a recording in {folder}.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>Il n’y a pas de place pour un enregistrement dans {folder}.</translation>
    </message>
    <message>
        <source>There is no room left for {path}.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>Il n’y a plus de place pour {path}.</translation>
    </message>
    <message>
        <source>There is no setting called {names}.</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Il n’y a pas de réglage nommé {names}.</translation>
    </message>
    <message>
        <source>There is no setting called {name}.</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Il n’y a pas de réglage nommé {name}.</translation>
    </message>
    <message>
        <source>There is no view called {view}.</source>
        <extracomment>app/outputs/compose.py</extracomment>
        <translation>Il n’y a pas d’affichage nommé {view}.</translation>
    </message>
    <message>
        <source>There is no virtual camera that can be opened.</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>Aucune caméra virtuelle ne peut être ouverte.</translation>
    </message>
    <message>
        <source>There is no way to record called {mode}.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>Il n’y a pas de mode d’enregistrement nommé {mode}.</translation>
    </message>
    <message>
        <source>There is nothing at {address}.</source>
        <extracomment>app/batch/jobs/plan.py, app/media/remote.py</extracomment>
        <translation>Il n’y a rien à l’adresse {address}.</translation>
    </message>
    <message>
        <source>There is too little to make a clip of.</source>
        <extracomment>app/outputs/sharing/clip.py</extracomment>
        <translation>Il y a trop peu d’images pour en faire un clip.</translation>
    </message>
    <message>
        <source>They may have run out of memory.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>Ils ont peut-être manqué de mémoire.</translation>
    </message>
    <message>
        <source>This computer is fast enough for the network {name}</source>
        <extracomment>app/ui/flows/offer.py</extracomment>
        <translation>Cet ordinateur est assez rapide pour le réseau {name}</translation>
    </message>
    <message>
        <source>This face alone · Esc: all faces</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>Ce visage seul · Échap&#xa0;: tous les visages</translation>
    </message>
    <message>
        <source>This machine, its driver or this FFmpeg lacks it; leave --encoder out to take x264.</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>Il manque à cette machine, à son pilote ou à ce FFmpeg&#x202f;; retirez --encoder pour utiliser x264.</translation>
    </message>
    <message>
        <source>This sheet</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Cette liste</translation>
    </message>
    <message>
        <source>Threads</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Threads</translation>
    </message>
    <message>
        <source>Threads of the inference engine; 0 uses every physical core</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Threads du moteur&#x202f;; 0 utilise chaque cœur physique</translation>
    </message>
    <message>
        <source>Three cycles: looks best</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>Trois cycles&#xa0;: le plus beau</translation>
    </message>
    <message>
        <source>Trained for one pass: fed its own output again it drifts.</source>
        <extracomment>app/restorers/families/cfrnet_d.py, app/restorers/families/hifacegan.py</extracomment>
        <translation>Entraîné pour un seul passage&#xa0;: nourri de sa propre sortie, il dérive.</translation>
    </message>
    <message>
        <source>Tried: {names}. Reinstall the package av.</source>
        <extracomment>app/media/videos/encoder.py</extracomment>
        <translation>Essayés&#xa0;: {names}. Réinstallez le paquet av.</translation>
    </message>
    <message>
        <source>True</source>
        <extracomment>app/outputs/compose.py</extracomment>
        <translation>Vrai</translation>
    </message>
    <message>
        <source>True, bad, restored</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Trois images</translation>
    </message>
    <message>
        <source>Try again</source>
        <extracomment>app/ui/actions.py, app/ui/flows/source.py</extracomment>
        <translation>Réessayer</translation>
    </message>
    <message>
        <source>Try the suffix .mkv.</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>Essayez l’extension .mkv.</translation>
    </message>
    <message>
        <source>Trying again in {seconds:.0f} s</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>Nouvel essai dans {seconds:.0f} s</translation>
    </message>
    <message>
        <source>Trying to reconnect…</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>Reconnexion…</translation>
    </message>
    <message>
        <source>Twice as large</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>2 × plus grand</translation>
    </message>
    <message>
        <source>Two cycles: nearest to the true face</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>Deux cycles&#xa0;: au plus près du vrai visage</translation>
    </message>
    <message>
        <source>Two files</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Deux fichiers</translation>
    </message>
    <message>
        <source>Undo</source>
        <extracomment>app/ui/flows/reset.py</extracomment>
        <translation>Annuler</translation>
    </message>
    <message>
        <source>Undo a settings reset</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Annuler la réinitialisation des réglages</translation>
    </message>
    <message>
        <source>Undo the reset</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Annuler la réinitialisation</translation>
    </message>
    <message>
        <source>Use http:// or rtsp://.</source>
        <extracomment>app/sources/registry.py</extracomment>
        <translation>Utilisez http:// ou rtsp://.</translation>
    </message>
    <message>
        <source>Use one of {names}.</source>
        <extracomment>app/batch/videos/restore.py, app/media/pictures/picture.py, app/outputs/recordings/recorder.py, app/outputs/registry.py</extracomment>
        <translation>Utilisez l’un de {names}.</translation>
    </message>
    <message>
        <source>Use side-by-side, split or restored.</source>
        <extracomment>app/outputs/compose.py</extracomment>
        <translation>Utilisez side-by-side, split ou restored.</translation>
    </message>
    <message>
        <source>Use {name}</source>
        <extracomment>app/ui/flows/offer.py</extracomment>
        <translation>Utiliser {name}</translation>
    </message>
    <message>
        <source>Using {provider}.</source>
        <extracomment>app/ui/texts/engine.py</extracomment>
        <translation>Utilise {provider}.</translation>
    </message>
    <message>
        <source>Video</source>
        <extracomment>app/sources/video.py</extracomment>
        <translation>Vidéo</translation>
    </message>
    <message>
        <source>Videos</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>Vidéos</translation>
    </message>
    <message>
        <source>Videos and pictures</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>Vidéos et images</translation>
    </message>
    <message>
        <source>View</source>
        <extracomment>app/core/setting.py, app/core/settings.py, app/ui/actions.py, app/ui/panel/panel.py</extracomment>
        <translation>Affichage</translation>
    </message>
    <message>
        <source>Viewers</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Spectateurs</translation>
    </message>
    <message>
        <source>Virtual camera</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>Caméra virtuelle</translation>
    </message>
    <message>
        <source>Wait a moment.</source>
        <extracomment>app/pipeline/live/recording.py</extracomment>
        <translation>Patientez un instant.</translation>
    </message>
    <message>
        <source>Wait for it, or give another output.</source>
        <extracomment>app/batch/jobs/journal.py</extracomment>
        <translation>Attendez la fin, ou donnez une autre destination.</translation>
    </message>
    <message>
        <source>Wait for them, or cancel below.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Attendez la fin, ou annulez ci-dessous.</translation>
    </message>
    <message>
        <source>What an interrupted run had restored of it is in {kept}.</source>
        <extracomment>app/batch/run.py</extracomment>
        <translation>Ce qu’une exécution interrompue en avait restauré se trouve dans {kept}.</translation>
    </message>
    <message>
        <source>What could be restored of it is in {kept}.</source>
        <extracomment>app/batch/videos/incomplete.py</extracomment>
        <translation>Ce qui a pu en être restauré se trouve dans {kept}.</translation>
    </message>
    <message>
        <source>What is recorded</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Ce qui est enregistré</translation>
    </message>
    <message>
        <source>What is recorded beside the pictures</source>
        <extracomment>app/ui/panel/sound_row.py</extracomment>
        <translation>Ce qui est enregistré en plus des images</translation>
    </message>
    <message>
        <source>What runs the network; auto takes the fastest here, one that is not available is replaced by the CPU</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Ce qui exécute le réseau&#x202f;; auto prend le plus rapide ici, ce qui n’est pas disponible est remplacé par le CPU</translation>
    </message>
    <message>
        <source>What the preview shows</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Ce que montre l’aperçu</translation>
    </message>
    <message>
        <source>What the virtual camera and the stream show</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Ce que montrent la caméra virtuelle et le flux</translation>
    </message>
    <message>
        <source>What was finished is kept.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Ce qui était terminé est conservé.</translation>
    </message>
    <message>
        <source>When the window was closed</source>
        <extracomment>app/ui/flows/capture.py</extracomment>
        <translation>À la fermeture de la fenêtre</translation>
    </message>
    <message>
        <source>Where recordings and snapshots go; empty for the system&apos;s videos folder</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Où vont les enregistrements et les clichés&#x202f;; vide pour le dossier vidéos du système</translation>
    </message>
    <message>
        <source>Whole picture again</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>De nouveau l’image entière</translation>
    </message>
    <message>
        <source>Windows with a DirectX 12 card; pip install onnxruntime-directml in place of onnxruntime.</source>
        <extracomment>app/restorers/providers.py</extracomment>
        <translation>Windows avec une carte DirectX 12&#x202f;; pip install onnxruntime-directml à la place d’onnxruntime.</translation>
    </message>
    <message>
        <source>Write HOST:PORT, such as 127.0.0.1:8090.</source>
        <extracomment>app/outputs/stream.py</extracomment>
        <translation>Écrivez HOST:PORT, par exemple 127.0.0.1:8090.</translation>
    </message>
    <message>
        <source>Write Original and Restored, and a thin line between them, into every output that shows both</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Écrit «&#x202f;Original&#x202f;» et «&#x202f;Restauré&#x202f;», et une fine ligne entre les deux, dans chaque sortie qui montre les deux</translation>
    </message>
    <message>
        <source>Write a PNG instead.</source>
        <extracomment>app/media/pictures/picture_encoding.py</extracomment>
        <translation>Écrivez plutôt un PNG.</translation>
    </message>
    <message>
        <source>Write them as http://NAME:PASSWORD@...</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>Écrivez-les ainsi&#xa0;: http://NAME:PASSWORD@...</translation>
    </message>
    <message>
        <source>Write them in place of the dots.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>Écrivez-les à la place des points.</translation>
    </message>
    <message>
        <source>a Dask scheduler, such as tcp://scheduler:8786</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>un ordonnanceur Dask, par exemple tcp://scheduler:8786</translation>
    </message>
    <message>
        <source>a cycle, median</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>un cycle, médiane</translation>
    </message>
    <message>
        <source>a data track</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>une piste de données</translation>
    </message>
    <message>
        <source>a number</source>
        <extracomment>app/core/setting.py</extracomment>
        <translation>un nombre</translation>
    </message>
    <message>
        <source>a number from {low:g} to {high:g}</source>
        <extracomment>app/core/setting.py</extracomment>
        <translation>un nombre de {low:g} à {high:g}</translation>
    </message>
    <message>
        <source>a picture, a video or a folder</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>une image, une vidéo ou un dossier</translation>
    </message>
    <message>
        <source>a whole number from {low:g} to {high:g}</source>
        <extracomment>app/core/setting.py</extracomment>
        <translation>un nombre entier de {low:g} à {high:g}</translation>
    </message>
    <message>
        <source>about {count} of its pictures are missing</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>il manque environ {count} de ses images</translation>
    </message>
    <message>
        <source>access is not allowed</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>l’accès n’est pas autorisé</translation>
    </message>
    <message>
        <source>age when finished</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>âge à la fin</translation>
    </message>
    <message>
        <source>align</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>aligner</translation>
    </message>
    <message>
        <source>all but cycles</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>hors cycles</translation>
    </message>
    <message>
        <source>already there, kept: {kept} of {all} files, first {first}; --overwrite replaces them</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>déjà présents, conservés&#xa0;: {kept} fichiers sur {all}, le premier est {first}&#x202f;; --overwrite les remplace</translation>
    </message>
    <message>
        <source>also write the medians to FILE</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>écrire aussi les médianes dans FILE</translation>
    </message>
    <message>
        <source>an attached file</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>un fichier joint</translation>
    </message>
    <message>
        <source>an unknown track</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>une piste inconnue</translation>
    </message>
    <message>
        <source>another process</source>
        <extracomment>app/batch/jobs/journal.py</extracomment>
        <translation>un autre processus</translation>
    </message>
    <message>
        <source>another video</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>une autre vidéo</translation>
    </message>
    <message>
        <source>argument %(argument_name)s: %(message)s</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>argument %(argument_name)s&#xa0;: %(message)s</translation>
    </message>
    <message>
        <source>at the source&apos;s size</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>à la taille de la source</translation>
    </message>
    <message>
        <source>auto k: {k} of {wanted}</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>k auto&#xa0;: {k} sur {wanted}</translation>
    </message>
    <message>
        <source>be a camera that video calls can choose</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>être une caméra que les appels vidéo peuvent choisir</translation>
    </message>
    <message>
        <source>begin anew instead of going on where a run stopped</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>recommencer au lieu de reprendre là où une exécution s’est arrêtée</translation>
    </message>
    <message>
        <source>budget</source>
        <extracomment>app/ui/preview/plot.py</extracomment>
        <translation>budget</translation>
    </message>
    <message>
        <source>connecting</source>
        <extracomment>app/cli/live.py, app/ui/panel/status_line.py</extracomment>
        <translation>connexion</translation>
    </message>
    <message>
        <source>cycle {number}</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>cycle {number}</translation>
    </message>
    <message>
        <source>detect</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>détecter</translation>
    </message>
    <message>
        <source>do not check the certificate of the address that --source names</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>ne pas vérifier le certificat de l’adresse donnée par --source</translation>
    </message>
    <message>
        <source>do part I of N only, as in a job array</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>ne faire que la partie I sur N, comme dans un tableau de tâches</translation>
    </message>
    <message>
        <source>dropped frames</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>images perdues</translation>
    </message>
    <message>
        <source>ended</source>
        <extracomment>app/cli/live.py, app/ui/panel/status_line.py</extracomment>
        <translation>terminée</translation>
    </message>
    <message>
        <source>error: {what}</source>
        <extracomment>app/cli/messages.py, app/cli/parser.py</extracomment>
        <translation>erreur&#xa0;: {what}</translation>
    </message>
    <message>
        <source>even k = {k} is too slow, frames are dropped</source>
        <extracomment>app/pipeline/budget.py</extracomment>
        <translation>même k = {k} perd des images</translation>
    </message>
    <message>
        <source>examples:</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>exemples&#xa0;:</translation>
    </message>
    <message>
        <source>exit codes: 0 the work was done, 1 it was not (one line on stderr says why), 2 a wrong option, 130 interrupted</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>codes de sortie&#xa0;: 0 travail fait, 1 non fait (une ligne sur stderr dit pourquoi), 2 option erronée, 130 interrompu</translation>
    </message>
    <message>
        <source>expected at least one argument</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>au moins un argument attendu</translation>
    </message>
    <message>
        <source>expected one argument</source>
        <extracomment>app/cli/argument_words.py, app/cli/parser.py</extracomment>
        <translation>un argument attendu</translation>
    </message>
    <message>
        <source>failed</source>
        <extracomment>app/cli/live.py, app/ui/panel/status_line.py</extracomment>
        <translation>échec</translation>
    </message>
    <message>
        <source>fps</source>
        <extracomment>app/core/settings.py, app/pipeline/measuring/bench.py</extracomment>
        <translation>i/s</translation>
    </message>
    <message>
        <source>frame age</source>
        <extracomment>app/ui/preview/plot.py</extracomment>
        <translation>âge de l’image</translation>
    </message>
    <message>
        <source>from CPU</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>vs CPU</translation>
    </message>
    <message>
        <source>go on restoring what arrives in the folder, until Ctrl-C</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>continuer à restaurer ce qui arrive dans le dossier, jusqu’à Ctrl-C</translation>
    </message>
    <message>
        <source>going on where an earlier run stopped; restored already: {done}</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>reprise là où une exécution précédente s’est arrêtée&#x202f;; déjà restauré&#xa0;: {done}</translation>
    </message>
    <message>
        <source>hint: {what}</source>
        <extracomment>app/cli/messages.py, app/cli/parser.py</extracomment>
        <translation>conseil&#xa0;: {what}</translation>
    </message>
    <message>
        <source>ignored explicit argument %r</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>argument explicite %r ignoré</translation>
    </message>
    <message>
        <source>interrupted: what was finished is kept, nothing half-written was left.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>interrompu&#xa0;: ce qui était terminé est conservé, rien n’est resté à moitié écrit.</translation>
    </message>
    <message>
        <source>invalid %(type)s value: %(value)r</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>valeur non valable pour %(type)s&#xa0;: %(value)r</translation>
    </message>
    <message>
        <source>invalid choice: %(value)r (choose from %(choices)s)</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>choix non valable&#xa0;: %(value)r (possibles&#xa0;: %(choices)s)</translation>
    </message>
    <message>
        <source>invalid choice: %(value)r, maybe you meant %(closest)r? (choose from %(choices)s)</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>choix non valable&#xa0;: %(value)r, vouliez-vous dire %(closest)r&#x202f;? (possibles&#xa0;: %(choices)s)</translation>
    </message>
    <message>
        <source>it asks for a name and a password</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>un nom et un mot de passe sont demandés</translation>
    </message>
    <message>
        <source>it cannot be read</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>la lecture est impossible</translation>
    </message>
    <message>
        <source>it crashed (exit code {code})</source>
        <extracomment>app/restorers/probe.py</extracomment>
        <translation>plantage (code de sortie {code})</translation>
    </message>
    <message>
        <source>it did not answer within {seconds:g} s</source>
        <extracomment>app/restorers/probe.py</extracomment>
        <translation>pas de réponse en {seconds:g} s</translation>
    </message>
    <message>
        <source>it gave nothing</source>
        <extracomment>app/restorers/contest.py</extracomment>
        <translation>aucun résultat</translation>
    </message>
    <message numerus="yes">
        <source>it is damaged in {n} places, where pictures may be spoilt or missing</source>
        <extracomment>app/batch/videos/output.py; for one: it is damaged in one place, where pictures may be spoilt or missing</extracomment>
        <translation>
            <numerusform>elle est endommagée en un endroit, où des images peuvent être abîmées ou manquer</numerusform>
            <numerusform>elle est endommagée en {n} endroits, où des images peuvent être abîmées ou manquer</numerusform>
        </translation>
    </message>
    <message>
        <source>it is interlaced and was marked progressive</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>elle est entrelacée et a été marquée comme progressive</translation>
    </message>
    <message>
        <source>its CMYK colours became RGB</source>
        <extracomment>app/media/pictures/picture_facts.py</extracomment>
        <translation>ses couleurs CMJN sont passées en RVB</translation>
    </message>
    <message>
        <source>its Dolby Vision data</source>
        <extracomment>app/media/videos/side_data.py</extracomment>
        <translation>données Dolby Vision</translation>
    </message>
    <message>
        <source>its EXIF data</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>données EXIF</translation>
    </message>
    <message>
        <source>its HDR Vivid data</source>
        <extracomment>app/media/videos/side_data.py</extracomment>
        <translation>données HDR Vivid</translation>
    </message>
    <message>
        <source>its HDR10 description (mastering display, light levels) was left out</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>sa description HDR10 (écran de mastering, niveaux de lumière) a été omise</translation>
    </message>
    <message>
        <source>its HDR10+ data</source>
        <extracomment>app/media/videos/side_data.py</extracomment>
        <translation>données HDR10+</translation>
    </message>
    <message>
        <source>its XMP data</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>données XMP</translation>
    </message>
    <message>
        <source>its closed captions, which are inside the pictures</source>
        <extracomment>app/media/videos/side_data.py</extracomment>
        <translation>sous-titres codés, qui sont dans les images</translation>
    </message>
    <message>
        <source>its colour profile</source>
        <extracomment>app/media/pictures/picture.py, app/media/videos/side_data.py</extracomment>
        <translation>profil de couleurs</translation>
    </message>
    <message>
        <source>its colours, stored as floating-point numbers, became {bits} bits</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>ses couleurs, stockées en virgule flottante, sont passées à {bits} bits</translation>
    </message>
    <message>
        <source>its colours, stored at {sampling}, became 4:2:0</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>ses couleurs, stockées en {sampling}, sont passées à 4:2:0</translation>
    </message>
    <message>
        <source>its content credentials (C2PA)</source>
        <extracomment>app/media/pictures/jpeg_parts.py</extracomment>
        <translation>ses attestations de contenu (C2PA)</translation>
    </message>
    <message>
        <source>its contents are damaged or of an unknown format</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>le contenu est endommagé ou d’un format inconnu</translation>
    </message>
    <message>
        <source>its cover picture</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>son image de couverture</translation>
    </message>
    <message>
        <source>its description as a 3D video</source>
        <extracomment>app/media/videos/side_data.py</extracomment>
        <translation>description comme vidéo 3D</translation>
    </message>
    <message>
        <source>its description as a panorama</source>
        <extracomment>app/media/videos/side_data.py</extracomment>
        <translation>description comme panorama</translation>
    </message>
    <message>
        <source>its extended XMP data, such as its depth</source>
        <extracomment>app/media/pictures/jpeg_parts.py</extracomment>
        <translation>ses données XMP étendues, comme la profondeur</translation>
    </message>
    <message>
        <source>its high dynamic range is not marked any more</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>sa grande plage dynamique n’est plus indiquée</translation>
    </message>
    <message>
        <source>its picture is {levels:.1f} levels from the CPU&apos;s</source>
        <extracomment>app/restorers/contest.py</extracomment>
        <translation>son image s’écarte de {levels:.1f} niveaux de celle du CPU</translation>
    </message>
    <message>
        <source>its pictures end {seconds:.1f} s before the rest of it</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>ses images se terminent {seconds:.1f} s avant le reste</translation>
    </message>
    <message>
        <source>its resolution</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>résolution</translation>
    </message>
    <message>
        <source>its sound ({codec}) became AAC, as the format cannot hold it</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>son audio ({codec}) est passé en AAC, car le format ne peut pas le contenir</translation>
    </message>
    <message>
        <source>its sound ({codec}) became AAC, as the format cannot hold it; a name that ends in .mkv keeps it</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>son audio ({codec}) est passé en AAC, car le format ne peut pas le contenir&#x202f;; un nom en .mkv le conserve</translation>
    </message>
    <message>
        <source>its transparency</source>
        <extracomment>app/media/pictures/picture.py, app/media/pictures/picture_facts.py</extracomment>
        <translation>transparence</translation>
    </message>
    <message>
        <source>its transparency was left out</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>sa transparence a été omise</translation>
    </message>
    <message>
        <source>its {bits} bits a colour became {kept}</source>
        <extracomment>app/batch/videos/output.py, app/media/pictures/picture.py</extracomment>
        <translation>ses {bits} bits par couleur sont passés à {kept}</translation>
    </message>
    <message>
        <source>kB</source>
        <extracomment>app/ui/style/formatting.py</extracomment>
        <translation>ko</translation>
    </message>
    <message numerus="yes">
        <source>left alone: {n} other files: {names}</source>
        <extracomment>app/cli/restore.py; for one: left alone: {n} other file: {names}</extracomment>
        <translation>
            <numerusform>laissé tel quel&#xa0;: {n} autre fichier&#xa0;: {names}</numerusform>
            <numerusform>laissés tels quels&#xa0;: {n} autres fichiers&#xa0;: {names}</numerusform>
        </translation>
    </message>
    <message>
        <source>left out from a damaged place on: {track}</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>omis à partir d’un endroit endommagé&#x202f;: {track}</translation>
    </message>
    <message>
        <source>left out, as a {suffix} does not hold it: {parts}</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>omis, car un {suffix} ne peut pas le contenir&#xa0;: {parts}</translation>
    </message>
    <message>
        <source>left out, as the format cannot hold it: {tracks}</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>omis, car le format ne peut pas le contenir&#xa0;: {tracks}</translation>
    </message>
    <message>
        <source>left out, as the format cannot hold it: {tracks}; a name that ends in .mkv may keep them</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>omis, car le format ne peut pas le contenir&#xa0;: {tracks}&#x202f;; un nom en .mkv peut le conserver</translation>
    </message>
    <message>
        <source>left out: its colour profile, which is damaged or not one for its colours</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>omis&#xa0;: son profil de couleurs, endommagé ou prévu pour d’autres couleurs</translation>
    </message>
    <message numerus="yes">
        <source>left out: {n} further pictures in the file, such as a preview or what makes it HDR</source>
        <extracomment>app/media/pictures/jpeg_parts.py; for one: left out: {n} further picture in the file, such as a preview or what makes it HDR</extracomment>
        <translation>
            <numerusform>omis&#xa0;: {n} autre image du fichier, comme un aperçu ou ce qui le rend HDR</numerusform>
            <numerusform>omis&#xa0;: {n} autres images du fichier, comme un aperçu ou ce qui le rend HDR</numerusform>
        </translation>
    </message>
    <message>
        <source>left out: {parts}</source>
        <extracomment>app/batch/videos/output.py, app/media/pictures/jpeg_parts.py, app/media/pictures/picture.py, app/media/pictures/picture_facts.py</extracomment>
        <translation>omis&#xa0;: {parts}</translation>
    </message>
    <message>
        <source>licence: {licence}</source>
        <extracomment>app/cli/inspection.py</extracomment>
        <translation>licence&#xa0;: {licence}</translation>
    </message>
    <message>
        <source>list the cameras by name</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>lister les caméras par leur nom</translation>
    </message>
    <message>
        <source>list the shipped networks and check their hashes</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>lister les réseaux fournis et vérifier leurs empreintes</translation>
    </message>
    <message>
        <source>list the shipped networks and verify their SHA-256</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>lister les réseaux fournis et vérifier leur SHA-256</translation>
    </message>
    <message>
        <source>live</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>en direct</translation>
    </message>
    <message>
        <source>live needs an output: --virtual-camera, --serve or both</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>live demande une sortie&#xa0;: --virtual-camera, --serve ou les deux</translation>
    </message>
    <message>
        <source>lowered to {k}</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>réduit à {k}</translation>
    </message>
    <message>
        <source>macOS 12 or newer; it comes with onnxruntime.</source>
        <extracomment>app/restorers/providers.py</extracomment>
        <translation>macOS 12 ou plus récent&#x202f;; fourni avec onnxruntime.</translation>
    </message>
    <message>
        <source>make bad</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>dégrader</translation>
    </message>
    <message>
        <source>make the result 1, 2 or 4 times as large: faces keep the pixels that the network gives them, the rest is enlarged (default 1)</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>agrandir le résultat 1, 2 ou 4 fois&#xa0;: les visages gardent les pixels que le réseau leur donne, le reste est agrandi (par défaut 1)</translation>
    </message>
    <message>
        <source>make the whole of what all the shards have done</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>assembler ce que toutes les parties ont fait</translation>
    </message>
    <message>
        <source>measure every network on everything here that can run one, and stop</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>mesurer chaque réseau sur tout ce qui peut l’exécuter ici, puis s’arrêter</translation>
    </message>
    <message>
        <source>measure the networks and the pipeline on this machine</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>mesurer les réseaux et le traitement sur cette machine</translation>
    </message>
    <message>
        <source>measure this machine</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>mesurer cette machine</translation>
    </message>
    <message>
        <source>network</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>réseau</translation>
    </message>
    <message>
        <source>no</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>non</translation>
    </message>
    <message>
        <source>no camera was found.</source>
        <extracomment>app/cli/inspection.py</extracomment>
        <translation>aucune caméra trouvée.</translation>
    </message>
    <message>
        <source>no cycles</source>
        <extracomment>app/ui/preview/scene.py</extracomment>
        <translation>aucun cycle</translation>
    </message>
    <message>
        <source>no face was found</source>
        <extracomment>app/batch/worker.py</extracomment>
        <translation>aucun visage trouvé</translation>
    </message>
    <message>
        <source>no face was found in any of its frames</source>
        <extracomment>app/batch/worker.py</extracomment>
        <translation>aucun visage trouvé dans aucune de ses images</translation>
    </message>
    <message>
        <source>no face was found, every part is the picture itself</source>
        <extracomment>app/batch/sheet.py</extracomment>
        <translation>aucun visage trouvé, chaque partie est l’image elle-même</translation>
    </message>
    <message>
        <source>no face was found, it was only enlarged</source>
        <extracomment>app/batch/worker.py</extracomment>
        <translation>aucun visage trouvé, l’image a seulement été agrandie</translation>
    </message>
    <message>
        <source>no face was found, it was written unchanged</source>
        <extracomment>app/batch/worker.py</extracomment>
        <translation>aucun visage trouvé, l’image a été écrite telle quelle</translation>
    </message>
    <message>
        <source>no window: a camera for calls, and a stream for OBS or a browser</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>sans fenêtre&#xa0;: une caméra pour les appels et un flux pour OBS ou un navigateur</translation>
    </message>
    <message>
        <source>nodes</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>nœuds</translation>
    </message>
    <message>
        <source>not allowed with argument %s</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>incompatible avec l’argument %s</translation>
    </message>
    <message>
        <source>not here: {provider}. {needs}</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>absent ici&#xa0;: {provider}. {needs}</translation>
    </message>
    <message>
        <source>not usable</source>
        <extracomment>app/ui/texts/engine.py</extracomment>
        <translation>inutilisable</translation>
    </message>
    <message>
        <source>note: {what}</source>
        <extracomment>app/cli/messages.py</extracomment>
        <translation>remarque&#xa0;: {what}</translation>
    </message>
    <message>
        <source>nothing answers at this address</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>rien ne répond à cette adresse</translation>
    </message>
    <message>
        <source>of an unknown kind</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>d’un type inconnu</translation>
    </message>
    <message>
        <source>of {budget}</source>
        <extracomment>app/ui/preview/overlay.py</extracomment>
        <translation>sur {budget}</translation>
    </message>
    <message>
        <source>off</source>
        <extracomment>app/ui/panel/bindings.py</extracomment>
        <translation>non</translation>
    </message>
    <message>
        <source>offline</source>
        <extracomment>app/cli/live.py, app/ui/panel/status_line.py</extracomment>
        <translation>hors ligne</translation>
    </message>
    <message>
        <source>ok</source>
        <extracomment>app/cli/inspection.py</extracomment>
        <translation>ok</translation>
    </message>
    <message>
        <source>one face at {fps:g} fps</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>un visage à {fps:g} i/s</translation>
    </message>
    <message>
        <source>one of the arguments %s is required</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>l’un des arguments %s est nécessaire</translation>
    </message>
    <message>
        <source>one of {choices}</source>
        <extracomment>app/core/setting.py</extracomment>
        <translation>l’une des valeurs {choices}</translation>
    </message>
    <message>
        <source>one picture</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>une image</translation>
    </message>
    <message>
        <source>online</source>
        <extracomment>app/cli/live.py, app/ui/panel/status_line.py</extracomment>
        <translation>en ligne</translation>
    </message>
    <message>
        <source>open the window (the default); every setting can be given as an option</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>ouvrir la fenêtre (par défaut)&#x202f;; chaque réglage peut être donné en option</translation>
    </message>
    <message>
        <source>open the window on a network camera</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>ouvrir la fenêtre sur une caméra réseau</translation>
    </message>
    <message>
        <source>open the window on a video, two cycles</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>ouvrir la fenêtre sur une vidéo, deux cycles</translation>
    </message>
    <message>
        <source>open the window on the last used or first camera</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>ouvrir la fenêtre sur la dernière caméra utilisée ou la première</translation>
    </message>
    <message>
        <source>options</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>options</translation>
    </message>
    <message>
        <source>other</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>2e réseau</translation>
    </message>
    <message>
        <source>paint</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>dessiner</translation>
    </message>
    <message>
        <source>paste</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>coller</translation>
    </message>
    <message>
        <source>positional arguments</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>arguments positionnels</translation>
    </message>
    <message>
        <source>precision</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>précision</translation>
    </message>
    <message>
        <source>print the milliseconds of every stage as JSON on stdout</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>afficher les millisecondes de chaque étape en JSON sur stdout</translation>
    </message>
    <message>
        <source>processes that restore side by side, each with one thread of the engine (default: as many as this machine&apos;s cores and memory carry, and one where there is little to do)</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>processus qui restaurent côte à côte, chacun avec un thread du moteur (par défaut&#xa0;: autant que les cœurs et la mémoire de cette machine le permettent, et un seul quand il y a peu à faire)</translation>
    </message>
    <message>
        <source>processing</source>
        <extracomment>app/ui/preview/plot.py</extracomment>
        <translation>traitement</translation>
    </message>
    <message>
        <source>provider</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>fournisseur</translation>
    </message>
    <message>
        <source>pyvirtualcam knows no driver for this system.</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>pyvirtualcam ne connaît aucun pilote pour ce système.</translation>
    </message>
    <message>
        <source>replace files that are there; without it they are kept</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>remplacer les fichiers présents&#x202f;; sinon ils sont conservés</translation>
    </message>
    <message>
        <source>restore a camera, file or stream without a window, for a virtual camera or the network</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>restaurer une caméra, un fichier ou un flux sans fenêtre, pour une caméra virtuelle ou le réseau</translation>
    </message>
    <message>
        <source>restore a picture, a video or a folder</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>restaurer une image, une vidéo ou un dossier</translation>
    </message>
    <message>
        <source>restore works on files, and {address} is a stream.</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>restore travaille sur des fichiers, et {address} est un flux.</translation>
    </message>
    <message>
        <source>restorers, with commas between: write one labelled sheet of a picture and what each makes of it</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>réseaux, séparés par des virgules&#xa0;: écrire une planche légendée d’une image et de ce qu’en fait chacun</translation>
    </message>
    <message>
        <source>restoring</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>restauration</translation>
    </message>
    <message>
        <source>serve MJPEG over HTTP, with a page on / (default %(const)s, which this machine alone can see)</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>diffuser du MJPEG par HTTP, avec une page sur / (par défaut %(const)s, que seule cette machine voit)</translation>
    </message>
    <message>
        <source>several networks on one labelled sheet</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>plusieurs réseaux sur une planche légendée</translation>
    </message>
    <message>
        <source>show program&apos;s version number and exit</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>afficher le numéro de version du programme et quitter</translation>
    </message>
    <message>
        <source>show this help message and exit</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>afficher cette aide et quitter</translation>
    </message>
    <message>
        <source>something unexpected went wrong ({error}).</source>
        <extracomment>app/batch/worker.py, app/cli/messages.py</extracomment>
        <translation>une erreur inattendue s’est produite ({error}).</translation>
    </message>
    <message>
        <source>sound</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>son</translation>
    </message>
    <message>
        <source>source: {facts}</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>source&#xa0;: {facts}</translation>
    </message>
    <message>
        <source>square</source>
        <extracomment>app/ui/menus.py</extracomment>
        <translation>carré</translation>
    </message>
    <message>
        <source>starting</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>démarrage</translation>
    </message>
    <message>
        <source>stopped</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>arrêtée</translation>
    </message>
    <message>
        <source>stopped.</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>arrêté.</translation>
    </message>
    <message>
        <source>subtitles</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>sous-titres</translation>
    </message>
    <message>
        <source>tall</source>
        <extracomment>app/ui/menus.py</extracomment>
        <translation>vertical</translation>
    </message>
    <message>
        <source>text</source>
        <extracomment>app/core/setting.py</extracomment>
        <translation>du texte</translation>
    </message>
    <message>
        <source>that is no name of a host</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>ce n’est pas un nom d’hôte</translation>
    </message>
    <message>
        <source>the file is damaged ({error}): what cannot be read was filled in</source>
        <extracomment>app/media/pictures/picture_facts.py</extracomment>
        <translation>le fichier est endommagé ({error})&#xa0;: ce qui est illisible a été comblé</translation>
    </message>
    <message>
        <source>the file or folder to write</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>le fichier ou le dossier à écrire</translation>
    </message>
    <message>
        <source>the following arguments are required: %s</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>les arguments suivants sont nécessaires&#xa0;: %s</translation>
    </message>
    <message>
        <source>the journal was damaged; it is kept as {path}</source>
        <extracomment>app/batch/run.py</extracomment>
        <translation>le journal était endommagé&#x202f;; il est conservé sous {path}</translation>
    </message>
    <message>
        <source>the other side closed the connection</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>l’autre côté a fermé la connexion</translation>
    </message>
    <message>
        <source>there is no network</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>il n’y a pas de réseau</translation>
    </message>
    <message>
        <source>there is no way to this address</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>aucun chemin ne mène à cette adresse</translation>
    </message>
    <message>
        <source>there is nothing at this address</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>il n’y a rien à cette adresse</translation>
    </message>
    <message>
        <source>there is nothing of that name</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>il n’y a rien de ce nom</translation>
    </message>
    <message>
        <source>there is room for more cycles, which are used if it lasts</source>
        <extracomment>app/pipeline/budget.py</extracomment>
        <translation>il y a de la marge pour plus de cycles, utilisés si cela dure</translation>
    </message>
    <message>
        <source>there was no answer in time</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>aucune réponse à temps</translation>
    </message>
    <message>
        <source>this kind of address is not known</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>ce type d’adresse n’est pas connu</translation>
    </message>
    <message>
        <source>true or false</source>
        <extracomment>app/core/setting.py</extracomment>
        <translation>true ou false</translation>
    </message>
    <message>
        <source>try a file that fails once more at the end</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>réessayer à la fin un fichier qui échoue</translation>
    </message>
    <message>
        <source>unknown</source>
        <extracomment>app/restorers/base.py</extracomment>
        <translation>inconnu</translation>
    </message>
    <message>
        <source>unrecognized arguments: %s</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>arguments inconnus&#xa0;: %s</translation>
    </message>
    <message>
        <source>usage: </source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>utilisation&#xa0;: </translation>
    </message>
    <message>
        <source>waiting</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>en attente</translation>
    </message>
    <message>
        <source>watching {path}; Ctrl-C ends it</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>surveillance de {path}&#x202f;; Ctrl-C y met fin</translation>
    </message>
    <message>
        <source>what else its format notes beside the pixels, such as texts</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>ce que son format note en plus des pixels, comme des textes</translation>
    </message>
    <message>
        <source>what was done of a video is kept; the same command goes on from there</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>ce qui est fait d’une vidéo est conservé&#x202f;; la même commande reprend de là</translation>
    </message>
    <message>
        <source>what writes videos: x264 at CRF 16, or a hardware encoder at a like quality, which this machine and its FFmpeg have to have (default x264)</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>ce qui écrit les vidéos&#xa0;: x264 à CRF 16, ou un encodeur matériel de qualité comparable, dont cette machine et son FFmpeg doivent disposer (par défaut x264)</translation>
    </message>
    <message>
        <source>wide</source>
        <extracomment>app/ui/menus.py</extracomment>
        <translation>large</translation>
    </message>
    <message>
        <source>with the milliseconds of every stage</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>avec les millisecondes de chaque étape</translation>
    </message>
    <message>
        <source>write the original and the restored one next to each other</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>écrire l’original et le résultat côte à côte</translation>
    </message>
    <message>
        <source>yes</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>oui</translation>
    </message>
    <message>
        <source>{about}, {size}, in {folder}</source>
        <extracomment>app/ui/flows/capture.py</extracomment>
        <translation>{about}, {size}, dans {folder}</translation>
    </message>
    <message>
        <source>{address} answers but gives no picture: {what}</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>{address} répond mais ne donne aucune image&#xa0;: {what}</translation>
    </message>
    <message>
        <source>{address} answers {status} {reason}.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} répond {status} {reason}.</translation>
    </message>
    <message>
        <source>{address} asks for a name and a password.</source>
        <extracomment>app/sources/mjpeg.py, app/sources/stream.py</extracomment>
        <translation>{address} demande un nom et un mot de passe.</translation>
    </message>
    <message>
        <source>{address} cannot be opened ({reason}).</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>{address} ne peut pas être ouvert ({reason}).</translation>
    </message>
    <message>
        <source>{address} cannot be reached: {reason}.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} est inaccessible&#xa0;: {reason}.</translation>
    </message>
    <message>
        <source>{address} cannot be used: {error}.</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>{address} ne peut pas être utilisée&#xa0;: {error}.</translation>
    </message>
    <message>
        <source>{address} closed the connection.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} a fermé la connexion.</translation>
    </message>
    <message>
        <source>{address} did not answer within {seconds:g} s.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} n’a pas répondu en {seconds:g} s.</translation>
    </message>
    <message>
        <source>{address} does not answer as a web server does.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} ne répond pas comme un serveur web.</translation>
    </message>
    <message>
        <source>{address} does not say where one picture ends.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} ne dit pas où se termine une image.</translation>
    </message>
    <message>
        <source>{address} has no certificate that is known here, so it may be somebody else.</source>
        <extracomment>app/sources/tls.py</extracomment>
        <translation>{address} n’a pas de certificat connu ici, ce pourrait donc être quelqu’un d’autre.</translation>
    </message>
    <message>
        <source>{address} has no pictures in it.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>{address} ne contient aucune image.</translation>
    </message>
    <message>
        <source>{address} is no address that can be opened.</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>{address} n’est pas une adresse qui peut être ouverte.</translation>
    </message>
    <message>
        <source>{address} needs another package: {error}.</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>{address} a besoin d’un autre paquet&#xa0;: {error}.</translation>
    </message>
    <message>
        <source>{address} sends on to another address.</source>
        <extracomment>app/sources/rtsp.py</extracomment>
        <translation>{address} renvoie vers une autre adresse.</translation>
    </message>
    <message>
        <source>{address} sends on to another kind of address, {scheme}.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} renvoie vers un autre type d’adresse, {scheme}.</translation>
    </message>
    <message>
        <source>{address} sends on to what is no address.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} renvoie vers ce qui n’est pas une adresse.</translation>
    </message>
    <message>
        <source>{address} sends pictures of {width}x{height}, more than {limit} megapixels.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>{address} envoie des images de {width}x{height}, plus de {limit} mégapixels.</translation>
    </message>
    <message>
        <source>{asked} is not available; using {got}.</source>
        <extracomment>app/restorers/base.py</extracomment>
        <translation>{asked} n’est pas disponible&#x202f;; {got} est utilisé.</translation>
    </message>
    <message>
        <source>{got}, {asked} not available</source>
        <extracomment>app/ui/texts/engine.py</extracomment>
        <translation>{got}, {asked} indisponible</translation>
    </message>
    <message>
        <source>{command} --help shows every option with examples.</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>{command} --help montre toutes les options avec des exemples.</translation>
    </message>
    <message>
        <source>Restores until Ctrl-C and prints the state of the source and of every output when it changes. Nothing is
mirrored, no sound is played. A virtual camera needs v4l2loopback on Linux, OBS and pyvirtualcam on
Windows and macOS.</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>Restaure jusqu’à Ctrl-C et affiche l’état de la source et de chaque sortie quand il change. Rien n’est en miroir,
aucun son n’est joué. Une caméra virtuelle demande v4l2loopback sous Linux, OBS et pyvirtualcam sous Windows et macOS.</translation>
    </message>
    <message>
        <source>the pictures are aligned face crops: no detection, writes 256x256 PNGs</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>les images sont des visages recadrés et alignés&#xa0;: pas de détection, écrit des PNG de 256x256</translation>
    </message>
    <message>
        <source>the video of a motion photo</source>
        <extracomment>app/media/pictures/jpeg_parts.py</extracomment>
        <translation>la vidéo d’une photo animée</translation>
    </message>
    <message>
        <source>what follows the picture in the file</source>
        <extracomment>app/media/pictures/jpeg_parts.py</extracomment>
        <translation>ce qui suit l’image dans le fichier</translation>
    </message>
    <message>
        <source>{address} needs the package {package}.</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>{address} a besoin du paquet {package}.</translation>
    </message>
    <message>
        <source>{device}, {width} x {height} at {fps} fps</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>{device}, {width} x {height} à {fps} i/s</translation>
    </message>
    <message>
        <source>{done} of {all} files restored</source>
        <extracomment>app/cli/restore.py, app/ui/flows/sharing.py</extracomment>
        <translation>{done} fichiers sur {all} restaurés</translation>
    </message>
    <message>
        <source>{done} of {all} files restored, {failed} failed (named above)</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>{done} fichiers sur {all} restaurés, {failed} en échec (nommés ci-dessus)</translation>
    </message>
    <message>
        <source>{done}/{all} files</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>{done}/{all} fichiers</translation>
    </message>
    <message>
        <source>{duration} left</source>
        <extracomment>app/cli/restore.py, app/ui/panel/job_bar.py</extracomment>
        <translation>reste {duration}</translation>
    </message>
    <message>
        <source>{folder} is in use: {holder} is doing this job already.</source>
        <extracomment>app/batch/jobs/journal.py</extracomment>
        <translation>{folder} est utilisé&#xa0;: {holder} effectue déjà ce travail.</translation>
    </message>
    <message>
        <source>{format}, {shape}</source>
        <extracomment>app/ui/menus.py</extracomment>
        <translation>{format}, {shape}</translation>
    </message>
    <message>
        <source>{found} ({reason}).</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>{found} ({reason}).</translation>
    </message>
    <message>
        <source>{found}.</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>{found}.</translation>
    </message>
    <message>
        <source>{given:.1f} / {reached}</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>{given:.1f} / {reached}</translation>
    </message>
    <message>
        <source>{http}  or  {rtsp}</source>
        <extracomment>app/ui/dialogs/dialogs.py</extracomment>
        <translation>{http}  ou  {rtsp}</translation>
    </message>
    <message>
        <source>{label} cannot be read: {path} ({reason}), expected SHA-256 {sha256}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>{label} ne peut pas être lu&#xa0;: {path} ({reason}), SHA-256 attendu {sha256}.</translation>
    </message>
    <message>
        <source>{label} is not the one that was shipped: {path} has {size} bytes and SHA-256 {found}, the manifest says {bytes} and {sha256}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>{label} n’est pas celui qui a été fourni&#xa0;: {path} a {size} octets et le SHA-256 {found}, le manifeste indique {bytes} et {sha256}.</translation>
    </message>
    <message>
        <source>{label} is on already.</source>
        <extracomment>app/outputs/fanout.py</extracomment>
        <translation>{label}&#xa0;: déjà en marche.</translation>
    </message>
    <message>
        <source>{label} is started in another way.</source>
        <extracomment>app/pipeline/live/session.py</extracomment>
        <translation>{label}&#xa0;: se démarre autrement.</translation>
    </message>
    <message>
        <source>{label} keeps weights in other files, which nothing checks: {path}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>{label} garde des poids dans d’autres fichiers, que rien ne vérifie&#xa0;: {path}.</translation>
    </message>
    <message>
        <source>{low:g} to {high:g}</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>{low:g} à {high:g}</translation>
    </message>
    <message>
        <source>{meaning} ({limits}; default {value})</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>{meaning} ({limits}&#x202f;; par défaut {value})</translation>
    </message>
    <message>
        <source>{microphone} does not open: the recording has no sound.</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>{microphone} ne s’ouvre pas&#xa0;: l’enregistrement n’a pas de son.</translation>
    </message>
    <message>
        <source>{microphone} does not open: the system&apos;s microphone is recorded.</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>{microphone} ne s’ouvre pas&#xa0;: le micro du système est enregistré.</translation>
    </message>
    <message>
        <source>{names}, in {folder}</source>
        <extracomment>app/ui/flows/capture.py, app/ui/flows/sharing.py</extracomment>
        <translation>{names}, dans {folder}</translation>
    </message>
    <message>
        <source>{name} becomes an aligned crop</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{name} devient un visage recadré et aligné</translation>
    </message>
    <message>
        <source>{name} cannot be {value}; it needs {needs}.</source>
        <extracomment>app/core/setting.py</extracomment>
        <translation>{name} ne peut pas être {value}&#x202f;; il faut {needs}.</translation>
    </message>
    <message>
        <source>{name} could not be moved to the trash, perhaps because its disk has none. Press Show in folder and delete it there.</source>
        <extracomment>app/ui/dialogs/gallery.py</extracomment>
        <translation>{name} n’a pas pu être mis à la corbeille, peut-être parce que son disque n’en a pas. Appuyez sur «&#x202f;Afficher dans le dossier&#x202f;» et supprimez-le là.</translation>
    </message>
    <message>
        <source>{name} does not ship in {wanted}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>{name} n’est pas fourni en {wanted}.</translation>
    </message>
    <message>
        <source>{name} ended.</source>
        <extracomment>app/pipeline/capture/attempt.py</extracomment>
        <translation>{name} est terminé.</translation>
    </message>
    <message>
        <source>{name} gave no picture for {seconds:g} s.</source>
        <extracomment>app/pipeline/capture/worker.py</extracomment>
        <translation>{name} n’a donné aucune image pendant {seconds:g} s.</translation>
    </message>
    <message>
        <source>{name} has Lab colours, which are not read here.</source>
        <extracomment>app/media/pictures/picture_facts.py</extracomment>
        <translation>{name} a des couleurs Lab, qui ne sont pas lues ici.</translation>
    </message>
    <message>
        <source>{name} has pictures of {width}x{height}, more than {limit} megapixels.</source>
        <extracomment>app/media/videos/containers.py</extracomment>
        <translation>{name} a des images de {width}x{height}, plus de {limit} mégapixels.</translation>
    </message>
    <message>
        <source>{name} has {width}x{height} pixels of {count} bytes each, more than {limit} megapixels.</source>
        <extracomment>app/media/pictures/picture_size.py</extracomment>
        <translation>{name} a {width}x{height} pixels de {count} octets chacun, plus de {limit} mégapixels.</translation>
    </message>
    <message>
        <source>{name} has {width}x{height} pixels, more than {limit} megapixels.</source>
        <extracomment>app/media/pictures/picture_size.py</extracomment>
        <translation>{name} a {width}x{height} pixels, plus de {limit} mégapixels.</translation>
    </message>
    <message>
        <source>{name} holds {count} pictures, an animation or pages; only the first would be restored.</source>
        <extracomment>app/media/pictures/picture_facts.py</extracomment>
        <translation>{name} contient {count} images, une animation ou des pages&#x202f;; seule la première serait restaurée.</translation>
    </message>
    <message>
        <source>{name} is a picture</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{name} est une image</translation>
    </message>
    <message>
        <source>{name} is a video</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{name} est une vidéo</translation>
    </message>
    <message>
        <source>{name} is applied once, not {k} times.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>{name} s’applique une fois, pas {k} fois.</translation>
    </message>
    <message>
        <source>{name} is applied {low} to {high} times, not {k} times.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>{name} s’applique de {low} à {high} fois, pas {k} fois.</translation>
    </message>
    <message>
        <source>{name} is damaged ({error}).</source>
        <extracomment>app/media/pictures/picture_facts.py</extracomment>
        <translation>{name} est endommagé ({error}).</translation>
    </message>
    <message>
        <source>{name} is not finished yet.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>{name} n’est pas encore terminé.</translation>
    </message>
    <message>
        <source>{name} is offline since {since}.</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>{name} est hors ligne depuis {since}.</translation>
    </message>
    <message>
        <source>{name} is offline.</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>{name} est hors ligne.</translation>
    </message>
    <message>
        <source>{name} is open, the first of {count}</source>
        <extracomment>app/ui/flows/choosing.py</extracomment>
        <translation>{name} est ouvert, le premier de {count}</translation>
    </message>
    <message>
        <source>{name} repeats one and the same picture.</source>
        <extracomment>app/pipeline/capture/attempt.py</extracomment>
        <translation>{name} répète une seule et même image.</translation>
    </message>
    <message>
        <source>{name} takes uint8 crops of {side}x{side}x3, not {dtype} {shape}.</source>
        <extracomment>app/restorers/cycles.py</extracomment>
        <translation>{name} prend des recadrages uint8 de {side}x{side}x3, pas {dtype} {shape}.</translation>
    </message>
    <message>
        <source>{name} takes {low} to {high} cycles, not {k}.</source>
        <extracomment>app/restorers/cycles.py</extracomment>
        <translation>{name} prend de {low} à {high} cycles, pas {k}.</translation>
    </message>
    <message>
        <source>{name} would have {width}x{height} pixels, more than {limit} megapixels.</source>
        <extracomment>app/media/pictures/enlarge.py, app/media/pictures/picture_encoding.py</extracomment>
        <translation>{name} aurait {width}x{height} pixels, plus de {limit} mégapixels.</translation>
    </message>
    <message>
        <source>{name}, {facts}
Choose another source, or drop one on the picture</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>{name}, {facts}
Choisissez une autre source, ou déposez-en une sur l’image</translation>
    </message>
    <message>
        <source>{number} of {count}</source>
        <extracomment>app/ui/panel/picture_bar.py</extracomment>
        <translation>{number} sur {count}</translation>
    </message>
    <message numerus="yes">
        <source>{n} cycles</source>
        <extracomment>app/ui/preview/scene.py, app/ui/texts/quality.py; for one: {n} cycle</extracomment>
        <translation>
            <numerusform>{n} cycle</numerusform>
            <numerusform>{n} cycles</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} cycles · already sharp</source>
        <extracomment>app/ui/preview/scene.py; for one: {n} cycle · already sharp</extracomment>
        <translation>
            <numerusform>{n} cycle · déjà net</numerusform>
            <numerusform>{n} cycles · déjà net</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} faces x {cycles} cycles need {need:.0f} ms, {fps:g} fps leave {budget:.0f} ms for them</source>
        <extracomment>app/pipeline/budget.py; for one: 1 face x {cycles} cycles need {need:.0f} ms, {fps:g} fps leave {budget:.0f} ms for them</extracomment>
        <translation>
            <numerusform>1 visage x {cycles} cycles&#xa0;: {need:.0f} ms, {fps:g} i/s en laissent {budget:.0f}</numerusform>
            <numerusform>{n} visages x {cycles} cycles&#xa0;: {need:.0f} ms, {fps:g} i/s en laissent {budget:.0f}</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} files</source>
        <extracomment>app/cli/restore.py; for one: {n} file</extracomment>
        <translation>
            <numerusform>{n} fichier</numerusform>
            <numerusform>{n} fichiers</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} frames</source>
        <extracomment>app/cli/restore.py; for one: {n} frame</extracomment>
        <translation>
            <numerusform>{n} image</numerusform>
            <numerusform>{n} images</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} pieces of videos</source>
        <extracomment>app/cli/restore.py; for one: {n} piece of a video</extracomment>
        <translation>
            <numerusform>{n} morceau de vidéo</numerusform>
            <numerusform>{n} morceaux de vidéo</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} tasks are not done yet, first {key}.</source>
        <extracomment>app/batch/engine.py; for one: {n} task is not done yet: {key}.</extracomment>
        <translation>
            <numerusform>{n} tâche n’est pas encore terminée&#xa0;: {key}.</numerusform>
            <numerusform>{n} tâches ne sont pas encore terminées, la première est {key}.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} threads</source>
        <extracomment>app/ui/texts/engine.py; for one: {n} thread</extracomment>
        <translation>
            <numerusform>{n} thread</numerusform>
            <numerusform>{n} threads</numerusform>
        </translation>
    </message>
    <message>
        <source>{option} and {other} cannot be used together</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>{option} et {other} ne peuvent pas être utilisées ensemble</translation>
    </message>
    <message>
        <source>{output} holds the input, and results would lie among the originals.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{output} contient l’entrée&#xa0;: les résultats se mêleraient aux originaux.</translation>
    </message>
    <message>
        <source>{output} is a file, but a folder of results cannot go into a file.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{output} est un fichier, mais un dossier de résultats ne tient pas dans un fichier.</translation>
    </message>
    <message>
        <source>{output} is the input itself.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{output} est l’entrée elle-même.</translation>
    </message>
    <message>
        <source>{path} cannot be read: {reason}.</source>
        <extracomment>app/batch/jobs/task.py, app/media/files.py, app/media/pictures/picture.py</extracomment>
        <translation>{path} ne peut pas être lu&#xa0;: {reason}.</translation>
    </message>
    <message>
        <source>{path} cannot be used: {reason}.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>{path} ne peut pas être utilisé&#xa0;: {reason}.</translation>
    </message>
    <message>
        <source>{path} cannot be written ({reason}).</source>
        <extracomment>app/outputs/sharing/clip.py</extracomment>
        <translation>{path} ne peut pas être écrit ({reason}).</translation>
    </message>
    <message>
        <source>{path} cannot be written in this format.</source>
        <extracomment>app/media/pictures/picture_encoding.py</extracomment>
        <translation>{path} ne peut pas être écrit dans ce format.</translation>
    </message>
    <message>
        <source>{path} cannot be written: {reason}.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>{path} ne peut pas être écrit&#xa0;: {reason}.</translation>
    </message>
    <message>
        <source>{path} has no pictures in it.</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>{path} ne contient aucune image.</translation>
    </message>
    <message>
        <source>{path} has no sound.</source>
        <extracomment>app/media/videos/sound_reader.py</extracomment>
        <translation>{path} n’a pas de son.</translation>
    </message>
    <message>
        <source>{path} has no suffix of a picture format.</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>{path} n’a pas l’extension d’un format d’image.</translation>
    </message>
    <message>
        <source>{path} holds numbers of the type {dtype}, which no picture here has.</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>{path} contient des nombres du type {dtype}, qu’aucune image n’a ici.</translation>
    </message>
    <message>
        <source>{path} is a camera, not a loopback device.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>{path} est une caméra, pas un périphérique loopback.</translation>
    </message>
    <message>
        <source>{path} is a folder, not a video.</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>{path} est un dossier, pas une vidéo.</translation>
    </message>
    <message>
        <source>{path} is damaged or breaks off after {reached:.1f} s</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>{path} est endommagé ou s’interrompt après {reached:.1f} s</translation>
    </message>
    <message>
        <source>{path} is damaged or breaks off after {reached:.1f} s of {whole:.1f} s</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>{path} est endommagé ou s’interrompt après {reached:.1f} s sur {whole:.1f} s</translation>
    </message>
    <message>
        <source>{path} is damaged or not a picture that can be read.</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>{path} est endommagé ou n’est pas une image lisible.</translation>
    </message>
    <message>
        <source>{path} is empty.</source>
        <extracomment>app/media/pictures/picture.py, app/media/videos/video_reader.py</extracomment>
        <translation>{path} est vide.</translation>
    </message>
    <message>
        <source>{path} is no folder, so there is nothing to watch.</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>{path} n’est pas un dossier, il n’y a donc rien à surveiller.</translation>
    </message>
    <message>
        <source>{path} is not a picture that can be read.</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>{path} n’est pas une image lisible.</translation>
    </message>
    <message>
        <source>{path} is not a video device.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>{path} n’est pas un périphérique vidéo.</translation>
    </message>
    <message>
        <source>{path} is not a video that can be read ({reason}).</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>{path} n’est pas une vidéo lisible ({reason}).</translation>
    </message>
    <message>
        <source>{path} is there already and is no file.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>{path} existe déjà et n’est pas un fichier.</translation>
    </message>
    <message>
        <source>{path} is there already.</source>
        <extracomment>app/media/files.py, app/media/remote.py</extracomment>
        <translation>{path} existe déjà.</translation>
    </message>
    <message>
        <source>{path} keeps {got_width} x {got_height} instead of {width} x {height}.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>{path} garde {got_width} x {got_height} au lieu de {width} x {height}.</translation>
    </message>
    <message>
        <source>{path} may not be read.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>{path} ne peut pas être lu&#xa0;: accès refusé.</translation>
    </message>
    <message>
        <source>{path} may not be written.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>{path} ne peut pas être écrit&#xa0;: accès refusé.</translation>
    </message>
    <message>
        <source>{place} is a web page, not a stream.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>{place} est une page web, pas un flux.</translation>
    </message>
    <message>
        <source>{precision} on {threads}.</source>
        <extracomment>app/ui/texts/engine.py</extracomment>
        <translation>{precision} sur {threads}.</translation>
    </message>
    <message>
        <source>{quality} ({cycles})</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>{quality} ({cycles})</translation>
    </message>
    <message>
        <source>{quality}, whatever time it takes.</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>{quality}, quel que soit le temps nécessaire.</translation>
    </message>
    <message>
        <source>{rate:.0f} fps</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>{rate:.0f} i/s</translation>
    </message>
    <message>
        <source>{rate} · age {age} · {dropped} dropped</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>{rate} · âge {age} · {dropped} perdues</translation>
    </message>
    <message>
        <source>{reached:.0f} of {given:.0f} frames a second</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>{reached:.0f} images par seconde sur {given:.0f}</translation>
    </message>
    <message>
        <source>{reason}, so it cannot be written as {target}.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{reason} et ne peut donc pas être écrit sous le nom {target}.</translation>
    </message>
    <message>
        <source>{scale} times as large</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>{scale} fois plus grand</translation>
    </message>
    <message>
        <source>{setting}: less</source>
        <extracomment>app/ui/style/widgets.py</extracomment>
        <translation>{setting}&#xa0;: moins</translation>
    </message>
    <message>
        <source>{setting}: more</source>
        <extracomment>app/ui/style/widgets.py</extracomment>
        <translation>{setting}&#xa0;: plus</translation>
    </message>
    <message>
        <source>{shown} is neither a file nor an address.</source>
        <extracomment>app/sources/registry.py</extracomment>
        <translation>{shown} n’est ni un fichier ni une adresse.</translation>
    </message>
    <message>
        <source>{size:.0f} MB</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>{size:.0f} Mo</translation>
    </message>
    <message>
        <source>{size} B</source>
        <extracomment>app/ui/style/formatting.py</extracomment>
        <translation>{size} o</translation>
    </message>
    <message>
        <source>{source} breaks off and has not changed since it was restored up to there.</source>
        <extracomment>app/batch/run.py</extracomment>
        <translation>{source} s’interrompt et n’a pas changé depuis sa restauration jusqu’à cet endroit.</translation>
    </message>
    <message>
        <source>{source} changed while it was being restored.</source>
        <extracomment>app/batch/jobs/task.py</extracomment>
        <translation>{source} a changé pendant sa restauration.</translation>
    </message>
    <message>
        <source>{source} has {width}x{height} pixels, but an aligned face crop is square.</source>
        <extracomment>app/batch/worker.py</extracomment>
        <translation>{source} a {width}x{height} pixels, mais un visage recadré et aligné est carré.</translation>
    </message>
    <message>
        <source>{source} is no picture, and a sheet is made of one.</source>
        <extracomment>app/batch/sheet.py</extracomment>
        <translation>{source} n’est pas une image, et une planche se fait à partir d’une image.</translation>
    </message>
    <message>
        <source>{source} is not square, as an aligned face crop is.</source>
        <extracomment>app/batch/sheet.py</extracomment>
        <translation>{source} n’est pas carré, comme l’est un visage recadré et aligné.</translation>
    </message>
    <message>
        <source>{target} cannot be written ({reason}).</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>{target} ne peut pas être écrit ({reason}).</translation>
    </message>
    <message>
        <source>{target} has no suffix of a video.</source>
        <extracomment>app/batch/videos/restore.py</extracomment>
        <translation>{target} n’a pas d’extension vidéo.</translation>
    </message>
    <message>
        <source>{target} is the input itself.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{target} est l’entrée elle-même.</translation>
    </message>
    <message>
        <source>{target} would have {width}x{height} pixels, more than any encoder here takes.</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>{target} aurait {width}x{height} pixels, plus que ce qu’accepte un encodeur ici.</translation>
    </message>
    <message>
        <source>{text} has an address kind that is not known: {scheme}.</source>
        <extracomment>app/sources/registry.py</extracomment>
        <translation>{text} a un type d’adresse inconnu&#xa0;: {scheme}.</translation>
    </message>
    <message>
        <source>{text} is no whole number of at least 1</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>{text} n’est pas un nombre entier d’au moins 1</translation>
    </message>
    <message>
        <source>{text} is not I/N with I from 1 to N, such as 3/16</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>{text} n’est pas I/N avec I de 1 à N, comme 3/16</translation>
    </message>
    <message>
        <source>{text} is not an address to serve at.</source>
        <extracomment>app/outputs/stream.py</extracomment>
        <translation>{text} n’est pas une adresse où diffuser.</translation>
    </message>
    <message>
        <source>{track} ({codec})</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>{track} ({codec})</translation>
    </message>
    <message>
        <source>{url}, {viewers} of {most} viewers</source>
        <extracomment>app/outputs/stream.py</extracomment>
        <translation>{url}, {viewers} spectateurs sur {most}</translation>
    </message>
    <message>
        <source>{used:.0f} of {most} %</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>{used:.0f} sur {most} %</translation>
    </message>
    <message>
        <source>{value:.1f} fps</source>
        <extracomment>app/ui/style/formatting.py</extracomment>
        <translation>{value:.1f} i/s</translation>
    </message>
    <message>
        <source>{value} ms</source>
        <extracomment>app/ui/style/formatting.py</extracomment>
        <translation>{value} ms</translation>
    </message>
    <message>
        <source>{what} The recording ended.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>{what} L’enregistrement s’est arrêté.</translation>
    </message>
    <message>
        <source>{width} × {height}</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>{width} × {height}</translation>
    </message>
    <message>
        <source>{words}  ({keys})</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>{words}  ({keys})</translation>
    </message>
</context>
</TS>
