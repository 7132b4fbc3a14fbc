<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="de" sourcelanguage="en">
<context>
    <name>CFRNet Live</name>
    <message>
        <source>--cluster needs the package {package}.</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>--cluster braucht das Paket {package}.</translation>
    </message>
    <message>
        <source>--compare works on files, and {address} is an address.</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>--compare arbeitet mit Dateien, und {address} ist eine Adresse.</translation>
    </message>
    <message>
        <source>--scale enlarges pictures and videos, neither aligned crops nor sheets</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>--scale vergrößert Bilder und Videos, weder ausgerichtete Ausschnitte noch Vergleichsblätter</translation>
    </message>
    <message>
        <source>1 cycle: lowest latency</source>
        <extracomment>app/restorers/families/cfrnet.py</extracomment>
        <translation>1 Zyklus: geringste Verzögerung</translation>
    </message>
    <message>
        <source>1280x720, one moving face at 30 fps; ms a frame, p50 / p95</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>1280x720, ein bewegtes Gesicht mit 30 fps; ms pro Bild, p50 / p95</translation>
    </message>
    <message>
        <source>2 cycles: nearest to the true face</source>
        <extracomment>app/restorers/families/cfrnet.py</extracomment>
        <translation>2 Zyklen: am nächsten am echten Gesicht</translation>
    </message>
    <message>
        <source>256x256 face crops, no detection</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>Gesichtsausschnitte mit 256x256, ohne Erkennung</translation>
    </message>
    <message>
        <source>3 cycles: best looking</source>
        <extracomment>app/restorers/families/cfrnet.py</extracomment>
        <translation>3 Zyklen: sieht am besten aus</translation>
    </message>
    <message>
        <source>4 cycles</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>4 Zyklen</translation>
    </message>
    <message>
        <source>A Snapdragon processor with an NPU; pip install onnxruntime-qnn beside onnxruntime.</source>
        <extracomment>app/restorers/providers.py</extracomment>
        <translation>Ein Snapdragon-Prozessor mit NPU; pip install onnxruntime-qnn zusätzlich zu onnxruntime.</translation>
    </message>
    <message>
        <source>A camera driver (v4l2loopback on Linux, OBS on Windows and macOS) and, but for Linux, pyvirtualcam</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>Einen Kameratreiber (v4l2loopback unter Linux, OBS unter Windows und macOS) und, außer unter Linux, pyvirtualcam</translation>
    </message>
    <message>
        <source>A comparison needs names of restorers, each once.</source>
        <extracomment>app/batch/sheet.py</extracomment>
        <translation>Ein Vergleich braucht Namen von Netzen, jeden nur einmal.</translation>
    </message>
    <message>
        <source>A cycle: {figures}.</source>
        <extracomment>app/ui/texts/engine.py</extracomment>
        <translation>Ein Zyklus: {figures}.</translation>
    </message>
    <message>
        <source>A frame could not be kept for a clip.</source>
        <extracomment>app/outputs/sharing/clip.py</extracomment>
        <translation>Ein Bild konnte für einen Clip nicht zwischengespeichert werden.</translation>
    </message>
    <message>
        <source>A free port; a browser, OBS or VLC opens its address</source>
        <extracomment>app/outputs/stream.py</extracomment>
        <translation>Einen freien Port; Browser, OBS oder VLC öffnen seine Adresse</translation>
    </message>
    <message>
        <source>A library that this needs cannot be loaded: {error}.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>Eine benötigte Bibliothek kann nicht geladen werden: {error}.</translation>
    </message>
    <message>
        <source>A network made for one pass is fed its own output again; drift is how far each pass moves it</source>
        <extracomment>app/ui/panel/cycles.py</extracomment>
        <translation>Ein Netz für einen Durchlauf erhält seine eigene Ausgabe noch einmal; Drift ist, wie weit jeder Durchlauf sie verschiebt</translation>
    </message>
    <message>
        <source>A recording is being started already.</source>
        <extracomment>app/pipeline/live/recording.py</extracomment>
        <translation>Eine Aufnahme wird bereits gestartet.</translation>
    </message>
    <message>
        <source>A recording is running already.</source>
        <extracomment>app/pipeline/live/recording.py</extracomment>
        <translation>Eine Aufnahme läuft bereits.</translation>
    </message>
    <message>
        <source>A worker of the cluster cannot load this application: {error}.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>Ein Worker des Clusters kann diese Anwendung nicht laden: {error}.</translation>
    </message>
    <message>
        <source>ALTERED</source>
        <extracomment>app/cli/inspection.py</extracomment>
        <translation>VERÄNDERT</translation>
    </message>
    <message>
        <source>About CFRNet Live</source>
        <extracomment>app/ui/dialogs/about.py</extracomment>
        <translation>Über CFRNet Live</translation>
    </message>
    <message>
        <source>About and licences…</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Info und Lizenzen…</translation>
    </message>
    <message>
        <source>Add yourself to the group video: sudo usermod -aG video $USER, then log in again.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>Fügen Sie sich der Gruppe video hinzu: sudo usermod -aG video $USER, und melden Sie sich neu an.</translation>
    </message>
    <message>
        <source>Address of the stream</source>
        <extracomment>app/ui/dialogs/dialogs.py</extracomment>
        <translation>Adresse des Streams</translation>
    </message>
    <message>
        <source>Advanced</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Erweitert</translation>
    </message>
    <message>
        <source>Advanced settings</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Erweiterte Einstellungen</translation>
    </message>
    <message>
        <source>After</source>
        <extracomment>app/outputs/compose.py</extracomment>
        <translation>Nachher</translation>
    </message>
    <message>
        <source>All</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Alle</translation>
    </message>
    <message>
        <source>All files</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>Alle Dateien</translation>
    </message>
    <message>
        <source>An Intel processor or card; pip install onnxruntime-ep-openvino beside onnxruntime.</source>
        <extracomment>app/restorers/providers.py</extracomment>
        <translation>Ein Prozessor oder eine Grafikkarte von Intel; pip install onnxruntime-ep-openvino zusätzlich zu onnxruntime.</translation>
    </message>
    <message>
        <source>An NVIDIA card with its driver; pip install &quot;onnxruntime-gpu[cuda,cudnn]&quot; in place of onnxruntime.</source>
        <extracomment>app/restorers/providers.py</extracomment>
        <translation>Eine NVIDIA-Karte mit Treiber; pip install &quot;onnxruntime-gpu[cuda,cudnn]&quot; anstelle von onnxruntime.</translation>
    </message>
    <message>
        <source>An empty name is no file or folder.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>Ein leerer Name ist weder Datei noch Ordner.</translation>
    </message>
    <message>
        <source>Another network in place of the original, in the window only; every frame is then restored twice</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Ein anderes Netz anstelle des Originals, nur im Fenster; jedes Bild wird dann zweimal wiederhergestellt</translation>
    </message>
    <message>
        <source>Another program writes to it; close that one.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>Ein anderes Programm schreibt darauf; schließen Sie es.</translation>
    </message>
    <message>
        <source>Any processor.</source>
        <extracomment>app/restorers/providers.py</extracomment>
        <translation>Jeder Prozessor.</translation>
    </message>
    <message>
        <source>Application</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Anwendung</translation>
    </message>
    <message>
        <source>As good as this machine can do in time.</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>So gut, wie dieser Rechner es rechtzeitig schafft.</translation>
    </message>
    <message>
        <source>As good as this machine can do without dropping frames</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>So gut, wie dieser Rechner es ohne ausgefallene Bilder schafft</translation>
    </message>
    <message>
        <source>As the source</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Wie die Quelle</translation>
    </message>
    <message>
        <source>Ask for the right to read it.</source>
        <extracomment>app/media/files.py, app/media/pictures/picture.py</extracomment>
        <translation>Bitten Sie um das Leserecht.</translation>
    </message>
    <message>
        <source>Auto</source>
        <extracomment>app/core/settings.py, app/ui/panel/panel.py, app/ui/texts/quality.py</extracomment>
        <translation>Auto</translation>
    </message>
    <message>
        <source>Auto k</source>
        <extracomment>app/core/settings.py, app/ui/preview/overlay_model.py</extracomment>
        <translation>Auto-k</translation>
    </message>
    <message>
        <source>Auto k: {k} of {wanted}, there is room again.</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>Auto-k: {k} von {wanted}, es ist wieder Zeit dafür.</translation>
    </message>
    <message>
        <source>Auto k: {k} of {wanted}: {reason}.</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>Auto-k: {k} von {wanted}: {reason}.</translation>
    </message>
    <message>
        <source>Auto quality on or off</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Automatische Qualität ein oder aus</translation>
    </message>
    <message>
        <source>Average what holds still in a moving picture, so that it does not flicker; 0 restores every frame alone</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Mittelt, was in einem bewegten Bild stillsteht, damit es nicht flimmert; 0 stellt jedes Bild für sich wieder her</translation>
    </message>
    <message>
        <source>Before</source>
        <extracomment>app/outputs/compose.py</extracomment>
        <translation>Vorher</translation>
    </message>
    <message>
        <source>Before and after copied</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Vorher und nachher kopiert</translation>
    </message>
    <message>
        <source>Before and after saved</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Vorher und nachher gespeichert</translation>
    </message>
    <message>
        <source>Before, then after, with a divider.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Erst vorher, dann nachher, mit Trennlinie.</translation>
    </message>
    <message>
        <source>Begin anew with --fresh.</source>
        <extracomment>app/batch/videos/joining.py</extracomment>
        <translation>Beginnen Sie mit --fresh neu.</translation>
    </message>
    <message>
        <source>Best look</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>Schön</translation>
    </message>
    <message>
        <source>Best look, 3 cycles</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Schönstes Bild, 3 Zyklen</translation>
    </message>
    <message>
        <source>CPU</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>CPU</translation>
    </message>
    <message>
        <source>Camera</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>Kamera</translation>
    </message>
    <message>
        <source>Camera made bad</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>Kamera verschlechtert</translation>
    </message>
    <message>
        <source>Camera name, file, folder or stream address; empty for the first camera</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Name einer Kamera, Datei, Ordner oder Stream-Adresse; leer für die erste Kamera</translation>
    </message>
    <message>
        <source>Cancel</source>
        <extracomment>app/ui/dialogs/dialogs.py, app/ui/panel/job_bar.py</extracomment>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>Captions</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Beschriftung</translation>
    </message>
    <message>
        <source>Capture</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Aufnehmen</translation>
    </message>
    <message>
        <source>Check its cable; it is looked for by name.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>Prüfen Sie das Kabel; die Kamera wird über ihren Namen gesucht.</translation>
    </message>
    <message>
        <source>Check its name and place.</source>
        <extracomment>app/sources/registry.py</extracomment>
        <translation>Prüfen Sie Name und Ort.</translation>
    </message>
    <message>
        <source>Check its name and your rights.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>Prüfen Sie den Namen und Ihre Rechte.</translation>
    </message>
    <message>
        <source>Check that it is whole.</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>Prüfen Sie, ob es vollständig ist.</translation>
    </message>
    <message>
        <source>Check that the file is whole.</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>Prüfen Sie, ob die Datei vollständig ist.</translation>
    </message>
    <message>
        <source>Check the address and its port.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>Prüfen Sie die Adresse und ihren Port.</translation>
    </message>
    <message>
        <source>Check the address, and that the camera is on and in the same network.</source>
        <extracomment>app/sources/mjpeg.py, app/sources/stream.py</extracomment>
        <translation>Prüfen Sie die Adresse und ob die Kamera eingeschaltet und im selben Netzwerk ist.</translation>
    </message>
    <message>
        <source>Check the address, the name and the password.</source>
        <extracomment>app/media/remote.py, app/sources/mjpeg.py</extracomment>
        <translation>Prüfen Sie Adresse, Name und Passwort.</translation>
    </message>
    <message>
        <source>Check the address.</source>
        <extracomment>app/batch/jobs/plan.py, app/media/remote.py, app/sources/mjpeg.py</extracomment>
        <translation>Prüfen Sie die Adresse.</translation>
    </message>
    <message>
        <source>Check the name.</source>
        <extracomment>app/batch/jobs/plan.py, app/media/files.py</extracomment>
        <translation>Prüfen Sie den Namen.</translation>
    </message>
    <message>
        <source>Check what was written.</source>
        <extracomment>app/sources/registry.py</extracomment>
        <translation>Prüfen Sie die Eingabe.</translation>
    </message>
    <message>
        <source>Choose a camera, a file, a folder or a stream; or drop one on the picture</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Wählen Sie eine Kamera, eine Datei, einen Ordner oder einen Stream, oder ziehen Sie etwas auf das Bild</translation>
    </message>
    <message>
        <source>Choose a folder that every machine sees, or leave --shard and --join out.</source>
        <extracomment>app/batch/engine.py</extracomment>
        <translation>Wählen Sie einen Ordner, den jeder Rechner sieht, oder lassen Sie --shard und --join weg.</translation>
    </message>
    <message>
        <source>Choose a folder that you may write to.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>Wählen Sie einen Ordner, in den Sie schreiben dürfen.</translation>
    </message>
    <message>
        <source>Choose a shorter one.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>Wählen Sie einen kürzeren.</translation>
    </message>
    <message>
        <source>Choose a smaller --scale, or set CFRNET_LIVE_MAX_MEGAPIXELS to more if there is memory for it.</source>
        <extracomment>app/media/pictures/enlarge.py</extracomment>
        <translation>Wählen Sie ein kleineres --scale, oder erhöhen Sie CFRNET_LIVE_MAX_MEGAPIXELS, wenn der Speicher reicht.</translation>
    </message>
    <message>
        <source>Choose a smaller --scale.</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>Wählen Sie ein kleineres --scale.</translation>
    </message>
    <message>
        <source>Choose a smaller view or scale.</source>
        <extracomment>app/media/videos/encoder.py</extracomment>
        <translation>Wählen Sie eine kleinere Ansicht oder Vergrößerung.</translation>
    </message>
    <message>
        <source>Choose a video file.</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>Wählen Sie eine Videodatei.</translation>
    </message>
    <message>
        <source>Choose another --k or another --restorer.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>Wählen Sie ein anderes --k oder einen anderen --restorer.</translation>
    </message>
    <message>
        <source>Choose another address or port.</source>
        <extracomment>app/outputs/stream.py</extracomment>
        <translation>Wählen Sie eine andere Adresse oder einen anderen Port.</translation>
    </message>
    <message>
        <source>Choose another device.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>Wählen Sie ein anderes Gerät.</translation>
    </message>
    <message>
        <source>Choose another folder.</source>
        <extracomment>app/batch/jobs/plan.py, app/outputs/recordings/output.py, app/sources/images.py</extracomment>
        <translation>Wählen Sie einen anderen Ordner.</translation>
    </message>
    <message>
        <source>Choose another name, or add --overwrite to replace it.</source>
        <extracomment>app/media/files.py, app/media/remote.py</extracomment>
        <translation>Wählen Sie einen anderen Namen, oder ersetzen Sie die Datei mit --overwrite.</translation>
    </message>
    <message>
        <source>Choose another name.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>Wählen Sie einen anderen Namen.</translation>
    </message>
    <message>
        <source>Choose another output folder.</source>
        <extracomment>app/batch/jobs/journal.py</extracomment>
        <translation>Wählen Sie einen anderen Ausgabeordner.</translation>
    </message>
    <message>
        <source>Choose another precision: {known}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>Wählen Sie eine andere Präzision: {known}.</translation>
    </message>
    <message>
        <source>Choose another stream.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>Wählen Sie einen anderen Stream.</translation>
    </message>
    <message>
        <source>Choose how much is done to a face, or press 1 to 4.</source>
        <extracomment>app/ui/flows/first_hints.py</extracomment>
        <translation>Wählen Sie, wie stark ein Gesicht bearbeitet wird, oder drücken Sie 1 bis 4.</translation>
    </message>
    <message>
        <source>Choose the folder for recordings…</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Ordner für Aufnahmen wählen…</translation>
    </message>
    <message>
        <source>Click: all faces</source>
        <extracomment>app/ui/preview/scene.py</extracomment>
        <translation>Klick: alle Gesichter</translation>
    </message>
    <message>
        <source>Click: this face alone</source>
        <extracomment>app/ui/preview/scene.py</extracomment>
        <translation>Klick: nur dieses Gesicht</translation>
    </message>
    <message>
        <source>Clip saved</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Clip gespeichert</translation>
    </message>
    <message>
        <source>Close</source>
        <extracomment>app/ui/actions.py, app/ui/dialogs/about.py, app/ui/dialogs/dialogs.py, app/ui/dialogs/gallery.py, app/ui/flows/sharing.py</extracomment>
        <translation>Schließen</translation>
    </message>
    <message>
        <source>Close other programs that use it, check the system&apos;s camera permission, or choose another one.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>Schließen Sie andere Programme, die sie verwenden, prüfen Sie die Kamerafreigabe des Systems, oder wählen Sie eine andere.</translation>
    </message>
    <message>
        <source>Close other programs that use it.</source>
        <extracomment>app/pipeline/capture/worker.py</extracomment>
        <translation>Schließen Sie andere Programme, die sie verwenden.</translation>
    </message>
    <message>
        <source>Close the program that uses it, or choose that size.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>Schließen Sie das Programm, das es verwendet, oder wählen Sie diese Größe.</translation>
    </message>
    <message>
        <source>Close the window</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Fenster schließen</translation>
    </message>
    <message>
        <source>Connect once by hand, and compare the key that is shown with the server&apos;s: {command}</source>
        <extracomment>app/media/sftp.py</extracomment>
        <translation>Verbinden Sie sich einmal von Hand und vergleichen Sie den angezeigten Schlüssel mit dem des Servers: {command}</translation>
    </message>
    <message>
        <source>Connecting</source>
        <extracomment>app/pipeline/live/session.py</extracomment>
        <translation>Verbindung wird hergestellt</translation>
    </message>
    <message>
        <source>Copy</source>
        <extracomment>app/ui/dialogs/dialogs.py</extracomment>
        <translation>Kopieren</translation>
    </message>
    <message>
        <source>Copy before and after</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Vorher und nachher kopieren</translation>
    </message>
    <message>
        <source>Copy diagnostics</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Diagnose kopieren</translation>
    </message>
    <message>
        <source>Cut short when the program ended unexpectedly</source>
        <extracomment>app/ui/flows/capture.py</extracomment>
        <translation>Verkürzt, weil das Programm unerwartet beendet wurde</translation>
    </message>
    <message>
        <source>Cycles k</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Zyklen k</translation>
    </message>
    <message>
        <source>Dark</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Dunkel</translation>
    </message>
    <message>
        <source>Degrade the source: few pixels, blur, noise and blocks</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Verschlechtert die Quelle: wenige Pixel, Unschärfe, Rauschen und Blöcke</translation>
    </message>
    <message>
        <source>Demo clip</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>Democlip</translation>
    </message>
    <message>
        <source>Details are in {log}.</source>
        <extracomment>app/outputs/base.py, app/pipeline/live/inference.py, app/pipeline/live/loader.py</extracomment>
        <translation>Einzelheiten stehen in {log}.</translation>
    </message>
    <message>
        <source>Detector size</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Detektorgröße</translation>
    </message>
    <message>
        <source>Diagnostics</source>
        <extracomment>app/ui/dialogs/dialogs.py</extracomment>
        <translation>Diagnose</translation>
    </message>
    <message>
        <source>Diagnostics copied</source>
        <extracomment>app/ui/flows/help.py</extracomment>
        <translation>Diagnose kopiert</translation>
    </message>
    <message>
        <source>Diagnostics…</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Diagnose…</translation>
    </message>
    <message>
        <source>Dismiss</source>
        <extracomment>app/ui/dialogs/notifications.py</extracomment>
        <translation>Schließen</translation>
    </message>
    <message>
        <source>Drag the divider: before at the left, after at the right.</source>
        <extracomment>app/ui/flows/first_hints.py</extracomment>
        <translation>Ziehen Sie die Trennlinie: links vorher, rechts nachher.</translation>
    </message>
    <message>
        <source>Drift of each pass: {steps}</source>
        <extracomment>app/ui/panel/cycles.py</extracomment>
        <translation>Drift jedes Durchlaufs: {steps}</translation>
    </message>
    <message>
        <source>Drop to open</source>
        <extracomment>app/ui/preview/preview.py</extracomment>
        <translation>Zum Öffnen ablegen</translation>
    </message>
    <message>
        <source>Dropped</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>Ausgefallen</translation>
    </message>
    <message>
        <source>Each frame restored twice, by {name} too</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>Jedes Bild zweimal wiederhergestellt, auch von {name}</translation>
    </message>
    <message>
        <source>Edit address…</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>Adresse ändern…</translation>
    </message>
    <message>
        <source>Encoding the recording takes longer than {seconds:g} s.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>Das Kodieren der Aufnahme dauert länger als {seconds:g} s.</translation>
    </message>
    <message>
        <source>End a face&apos;s cycles when mean |G(x) - x| falls under this; 0 never stops early</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Beendet die Zyklen eines Gesichts, wenn das Mittel von |G(x) - x| darunter fällt; 0 hört nie früher auf</translation>
    </message>
    <message>
        <source>Engine</source>
        <extracomment>app/core/setting.py, app/core/settings.py, app/ui/panel/panel.py</extracomment>
        <translation>Engine</translation>
    </message>
    <message>
        <source>FP32, reference</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>FP32, Referenz</translation>
    </message>
    <message>
        <source>Face marks</source>
        <extracomment>app/core/settings.py, app/ui/actions.py</extracomment>
        <translation>Gesichtsrahmen</translation>
    </message>
    <message>
        <source>Faces</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Gesichter</translation>
    </message>
    <message numerus="yes">
        <source>Faces already sharp</source>
        <extracomment>app/ui/preview/state_text.py; for one: Face already sharp</extracomment>
        <translation>
            <numerusform>Gesicht schon scharf</numerusform>
            <numerusform>Gesichter schon scharf</numerusform>
        </translation>
    </message>
    <message>
        <source>Faithful</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>Getreu</translation>
    </message>
    <message>
        <source>Faithful, 2 cycles</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Getreu, 2 Zyklen</translation>
    </message>
    <message>
        <source>Fast</source>
        <extracomment>app/ui/panel/panel.py, app/ui/texts/quality.py</extracomment>
        <translation>Schnell</translation>
    </message>
    <message>
        <source>Fast, 1 cycle</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Schnell, 1 Zyklus</translation>
    </message>
    <message>
        <source>Fetch the models folder again, for example with `git checkout -- models`.</source>
        <extracomment>app/restorers/manifest.py</extracomment>
        <translation>Holen Sie den Ordner models neu, etwa mit `git checkout -- models`.</translation>
    </message>
    <message>
        <source>Fewer than {frames} frames were restored within {seconds:g} s.</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>Innerhalb von {seconds:g} s wurden weniger als {frames} Bilder wiederhergestellt.</translation>
    </message>
    <message>
        <source>Files are being restored already</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Es werden bereits Dateien wiederhergestellt</translation>
    </message>
    <message>
        <source>First camera</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>Erste Kamera</translation>
    </message>
    <message>
        <source>Folder</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Ordner</translation>
    </message>
    <message>
        <source>Folder for recordings and snapshots</source>
        <extracomment>app/ui/window.py</extracomment>
        <translation>Ordner für Aufnahmen und Schnappschüsse</translation>
    </message>
    <message>
        <source>Folder for the restored pictures</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Ordner für die wiederhergestellten Bilder</translation>
    </message>
    <message>
        <source>Four times</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Viermal so groß</translation>
    </message>
    <message>
        <source>Frame age</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>Bildalter</translation>
    </message>
    <message>
        <source>Frame rate</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Bildrate</translation>
    </message>
    <message>
        <source>Frames per second</source>
        <extracomment>app/ui/preview/plot.py</extracomment>
        <translation>Bilder pro Sekunde</translation>
    </message>
    <message>
        <source>Free some space on that disk.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>Schaffen Sie Platz auf diesem Datenträger.</translation>
    </message>
    <message>
        <source>Free some space or choose another folder.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>Schaffen Sie Platz oder wählen Sie einen anderen Ordner.</translation>
    </message>
    <message>
        <source>Free some space or look after the folder, then give the same command again: it goes on from here.</source>
        <extracomment>app/batch/jobs/journal.py</extracomment>
        <translation>Schaffen Sie Platz oder prüfen Sie den Ordner und geben Sie dann denselben Befehl ein: Die Arbeit geht hier weiter.</translation>
    </message>
    <message>
        <source>Full screen</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Vollbild</translation>
    </message>
    <message>
        <source>GB</source>
        <extracomment>app/ui/style/formatting.py</extracomment>
        <translation>GB</translation>
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
        <translation>Besorgen Sie eine vollständige Kopie.</translation>
    </message>
    <message>
        <source>Give another name: the original is never overwritten.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>Geben Sie einen anderen Namen an: Das Original wird nie überschrieben.</translation>
    </message>
    <message>
        <source>Give the same command once more.</source>
        <extracomment>app/batch/videos/joining.py</extracomment>
        <translation>Geben Sie denselben Befehl noch einmal ein.</translation>
    </message>
    <message>
        <source>Got it</source>
        <extracomment>app/ui/dialogs/hints.py</extracomment>
        <translation>Verstanden</translation>
    </message>
    <message>
        <source>HOST:PORT of the stream; 127.0.0.1 is seen by this machine alone</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>HOST:PORT des Streams; 127.0.0.1 sieht nur dieser Rechner</translation>
    </message>
    <message>
        <source>Hide or show the panel</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Seitenleiste ein- oder ausblenden</translation>
    </message>
    <message>
        <source>Hold for the original</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Gedrückt halten für das Original</translation>
    </message>
    <message>
        <source>How bad</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Wie schlecht</translation>
    </message>
    <message>
        <source>How many may watch the stream at once</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Wie viele den Stream gleichzeitig ansehen dürfen</translation>
    </message>
    <message>
        <source>How much it is degraded</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Wie stark verschlechtert wird</translation>
    </message>
    <message>
        <source>How much of the restored face is blended in</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Wie viel vom wiederhergestellten Gesicht eingeblendet wird</translation>
    </message>
    <message>
        <source>How often the network is applied, within what it is made for</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Wie oft das Netz angewendet wird, im vorgesehenen Rahmen</translation>
    </message>
    <message>
        <source>INT8 is the fastest on a processor, FP32 the reference; auto takes the fastest that ships</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>INT8 ist auf einem Prozessor am schnellsten, FP32 die Referenz; auto nimmt die schnellste mitgelieferte</translation>
    </message>
    <message>
        <source>INT8, faster</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>INT8, schneller</translation>
    </message>
    <message>
        <source>If it is your own camera, say that you trust it: add #insecure to its address, or --insecure.</source>
        <extracomment>app/sources/tls.py</extracomment>
        <translation>Ist es Ihre eigene Kamera, dann bestätigen Sie, dass Sie ihr vertrauen: mit #insecure an der Adresse oder --insecure.</translation>
    </message>
    <message>
        <source>In / out</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>Ein / aus</translation>
    </message>
    <message>
        <source>Install OBS 30 or newer from obsproject.com, press Start Virtual Camera in it once, then close it.</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>Installieren Sie OBS 30 oder neuer von obsproject.com, starten Sie darin einmal die virtuelle Kamera und schließen Sie es dann.</translation>
    </message>
    <message>
        <source>Install OBS from obsproject.com, which brings the device; Unity Capture works as well.</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>Installieren Sie OBS von obsproject.com, das das Gerät mitbringt; auch Unity Capture funktioniert.</translation>
    </message>
    <message>
        <source>Install it beside this application.</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>Installieren Sie es neben dieser Anwendung.</translation>
    </message>
    <message>
        <source>Install it: pip install fsspec s3fs paramiko</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>Installieren Sie es: pip install fsspec s3fs paramiko</translation>
    </message>
    <message>
        <source>Install it: pip install -r requirements-cluster.txt</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>Installieren Sie es: pip install -r requirements-cluster.txt</translation>
    </message>
    <message>
        <source>Already there and kept: {kept} of {all} files</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Bereits vorhanden und behalten: {kept} von {all} Dateien</translation>
    </message>
    <message>
        <source>Check how it is written.</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>Prüfen Sie die Schreibweise.</translation>
    </message>
    <message>
        <source>Choose an empty folder to restore them again.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Wählen Sie einen leeren Ordner, um sie noch einmal wiederherzustellen.</translation>
    </message>
    <message>
        <source>Go on</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Weitermachen</translation>
    </message>
    <message>
        <source>Install it: pip install pyvirtualcam. Then restart.</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>Installieren Sie es: pip install pyvirtualcam. Starten Sie dann die Anwendung neu.</translation>
    </message>
    <message>
        <source>Install the same version on every machine; docs/archives.md says how.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>Installieren Sie auf allen Rechnern dieselbe Version; docs/archives.md beschreibt, wie.</translation>
    </message>
    <message>
        <source>Install the same version.</source>
        <extracomment>app/batch/executors/dask_worker.py</extracomment>
        <translation>Installieren Sie dieselbe Version.</translation>
    </message>
    <message>
        <source>Install the same.</source>
        <extracomment>app/batch/executors/dask_worker.py</extracomment>
        <translation>Installieren Sie dieselbe.</translation>
    </message>
    <message>
        <source>It comes closer to the true face, at about {fps:.0f} frames a second with {k} cycles.</source>
        <extracomment>app/ui/flows/offer.py</extracomment>
        <translation>Es kommt dem echten Gesicht näher, mit etwa {fps:.0f} Bildern pro Sekunde bei {k} Zyklen.</translation>
    </message>
    <message>
        <source>It goes on; keep the application open until {names} is in {folder}.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>Es geht weiter; lassen Sie die Anwendung offen, bis {names} in {folder} liegt.</translation>
    </message>
    <message>
        <source>It has no name yet; the next start of the program completes it.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>Sie hat noch keinen Namen; beim nächsten Start des Programms wird sie fertiggestellt.</translation>
    </message>
    <message>
        <source>It has no sound</source>
        <extracomment>app/ui/texts/sound.py</extracomment>
        <translation>Hat keinen Ton</translation>
    </message>
    <message>
        <source>It is connected again by name.</source>
        <extracomment>app/pipeline/capture/attempt.py, app/pipeline/capture/worker.py</extracomment>
        <translation>Die Verbindung wird über den Namen neu hergestellt.</translation>
    </message>
    <message>
        <source>It is no MJPEG stream.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>Es ist kein MJPEG-Stream.</translation>
    </message>
    <message>
        <source>It is tried again.</source>
        <extracomment>app/outputs/virtual_camera.py, app/pipeline/capture/attempt.py, app/sources/mjpeg.py, app/sources/stream.py</extracomment>
        <translation>Es wird erneut versucht.</translation>
    </message>
    <message>
        <source>It may have run out of memory: try fewer --workers.</source>
        <extracomment>app/batch/executors/processes.py</extracomment>
        <translation>Möglicherweise reichte der Speicher nicht aus: Versuchen Sie es mit weniger --workers.</translation>
    </message>
    <message>
        <source>It was cancelled.</source>
        <extracomment>app/outputs/sharing/clip.py</extracomment>
        <translation>Es wurde abgebrochen.</translation>
    </message>
    <message>
        <source>Its address</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Seine Adresse</translation>
    </message>
    <message>
        <source>Its driver was unloaded; it is tried again.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>Der Treiber wurde entladen; es wird erneut versucht.</translation>
    </message>
    <message>
        <source>Its first {seconds:.1f} s are in {kept}.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>Die ersten {seconds:.1f} s liegen in {kept}.</translation>
    </message>
    <message>
        <source>Its rate</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Ihre Bildrate</translation>
    </message>
    <message>
        <source>Its size</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Ihre Größe</translation>
    </message>
    <message>
        <source>Keyboard shortcuts</source>
        <extracomment>app/ui/actions.py, app/ui/dialogs/dialogs.py, app/ui/panel/panel.py</extracomment>
        <translation>Tastenkürzel</translation>
    </message>
    <message>
        <source>Language</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Sprache</translation>
    </message>
    <message>
        <source>Language of the window and of messages; system follows the operating system</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Sprache des Fensters und der Meldungen; system folgt dem Betriebssystem</translation>
    </message>
    <message>
        <source>Largest face at twice its size</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Größtes Gesicht doppelt so groß</translation>
    </message>
    <message>
        <source>Latency card</source>
        <extracomment>app/core/settings.py, app/ui/actions.py</extracomment>
        <translation>Latenzanzeige</translation>
    </message>
    <message>
        <source>Leave --aligned out to have the face found.</source>
        <extracomment>app/batch/worker.py</extracomment>
        <translation>Lassen Sie --aligned weg, damit das Gesicht gesucht wird.</translation>
    </message>
    <message>
        <source>Leave --aligned out.</source>
        <extracomment>app/batch/sheet.py</extracomment>
        <translation>Lassen Sie --aligned weg.</translation>
    </message>
    <message>
        <source>Leave --watch out.</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>Lassen Sie --watch weg.</translation>
    </message>
    <message>
        <source>Left half</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Linke Hälfte</translation>
    </message>
    <message>
        <source>Let idle engine threads keep their core: a little faster alone, much slower beside other work</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Wartende Threads der Engine behalten ihren Kern: allein etwas schneller, neben anderer Arbeit viel langsamer</translation>
    </message>
    <message>
        <source>Let the name end in {known}.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>Der Name muss auf {known} enden.</translation>
    </message>
    <message>
        <source>Let the picture run for some seconds.</source>
        <extracomment>app/outputs/sharing/clip.py</extracomment>
        <translation>Lassen Sie das Bild einige Sekunden laufen.</translation>
    </message>
    <message>
        <source>Level of the microphone</source>
        <extracomment>app/ui/panel/sound_row.py</extracomment>
        <translation>Pegel des Mikrofons</translation>
    </message>
    <message>
        <source>Licences</source>
        <extracomment>app/ui/dialogs/about.py</extracomment>
        <translation>Lizenzen</translation>
    </message>
    <message>
        <source>Light</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Hell</translation>
    </message>
    <message>
        <source>Light, dark or the system&apos;s</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Hell, dunkel oder wie das System</translation>
    </message>
    <message>
        <source>Live plot</source>
        <extracomment>app/core/settings.py, app/ui/actions.py</extracomment>
        <translation>Live-Diagramm</translation>
    </message>
    <message>
        <source>Live plot of the last minute</source>
        <extracomment>app/ui/preview/plot.py</extracomment>
        <translation>Live-Diagramm der letzten Minute</translation>
    </message>
    <message>
        <source>Loading the network…</source>
        <extracomment>app/ui/flows/live_state.py, app/ui/preview/state_text.py</extracomment>
        <translation>Das Netz wird geladen…</translation>
    </message>
    <message>
        <source>Longer side of the picture that the detector receives</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Längere Seite des Bildes, das der Detektor erhält</translation>
    </message>
    <message>
        <source>Look for cameras again</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Kameras erneut suchen</translation>
    </message>
    <message>
        <source>Look in the camera&apos;s manual for its stream address.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>Die Stream-Adresse steht im Handbuch der Kamera.</translation>
    </message>
    <message>
        <source>Looking for cameras…</source>
        <extracomment>app/ui/panel/source_menu.py</extracomment>
        <translation>Kameras werden gesucht…</translation>
    </message>
    <message>
        <source>Loupe at the pointer, before and after</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Lupe am Zeiger, vorher und nachher</translation>
    </message>
    <message>
        <source>Lower k before frames are dropped</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Senkt k, bevor Bilder ausfallen</translation>
    </message>
    <message>
        <source>MB</source>
        <extracomment>app/ui/style/formatting.py</extracomment>
        <translation>MB</translation>
    </message>
    <message>
        <source>MISSING</source>
        <extracomment>app/cli/inspection.py</extracomment>
        <translation>FEHLT</translation>
    </message>
    <message>
        <source>MIT licence; an installer as a whole: GPL version 3, as it contains x264</source>
        <extracomment>app/ui/dialogs/about.py</extracomment>
        <translation>MIT-Lizenz; ein Installationspaket als Ganzes: GPL Version 3, da es x264 enthält</translation>
    </message>
    <message>
        <source>MJPEG over HTTP, or RTSP, such as a network camera or a phone&apos;s camera app gives.</source>
        <extracomment>app/ui/dialogs/dialogs.py</extracomment>
        <translation>MJPEG über HTTP oder RTSP, wie es eine Netzwerkkamera oder die Kamera-App eines Telefons liefert.</translation>
    </message>
    <message>
        <source>Made bad</source>
        <extracomment>app/outputs/compose.py, app/ui/preview/state_text.py</extracomment>
        <translation>Verschlechtert</translation>
    </message>
    <message>
        <source>Make it first or choose another one.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>Legen Sie ihn an oder wählen Sie einen anderen.</translation>
    </message>
    <message>
        <source>Make it smaller, or set CFRNET_LIVE_MAX_MEGAPIXELS to more if there is memory for it.</source>
        <extracomment>app/media/pictures/picture_size.py</extracomment>
        <translation>Verkleinern Sie es, oder erhöhen Sie CFRNET_LIVE_MAX_MEGAPIXELS, wenn der Speicher reicht.</translation>
    </message>
    <message>
        <source>Make it smaller, save it with fewer bits, or set CFRNET_LIVE_MAX_MEGAPIXELS to more.</source>
        <extracomment>app/media/pictures/picture_size.py</extracomment>
        <translation>Verkleinern Sie es, speichern Sie es mit weniger Bits, oder erhöhen Sie CFRNET_LIVE_MAX_MEGAPIXELS.</translation>
    </message>
    <message>
        <source>Make it smaller.</source>
        <extracomment>app/media/videos/containers.py</extracomment>
        <translation>Verkleinern Sie es.</translation>
    </message>
    <message>
        <source>Make my camera bad</source>
        <extracomment>app/core/settings.py, app/ui/actions.py</extracomment>
        <translation>Kamera verschlechtern</translation>
    </message>
    <message>
        <source>Make one: sudo modprobe v4l2loopback exclusive_caps=1 card_label=&apos;CFRNet Live&apos; (package v4l2loopback-dkms; Chrome needs exclusive_caps=1).</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>Legen Sie eine an: sudo modprobe v4l2loopback exclusive_caps=1 card_label=&apos;CFRNet Live&apos; (Paket v4l2loopback-dkms; Chrome braucht exclusive_caps=1).</translation>
    </message>
    <message>
        <source>Making a clip of the last seconds…</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Clip der letzten Sekunden wird erstellt…</translation>
    </message>
    <message>
        <source>Measuring a cycle of {name}</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>Ein Zyklus von {name} wird gemessen</translation>
    </message>
    <message>
        <source>Measuring a moving face at k = {k}</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>Ein bewegtes Gesicht mit k = {k} wird gemessen</translation>
    </message>
    <message>
        <source>Measuring this machine for about half a minute; close what else it does.</source>
        <extracomment>app/cli/inspection.py</extracomment>
        <translation>Die Leistung dieses Rechners wird etwa eine halbe Minute lang gemessen; beenden Sie andere Programme.</translation>
    </message>
    <message>
        <source>Measuring {name} on every provider</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>{name} wird auf jedem Provider gemessen</translation>
    </message>
    <message>
        <source>Memory</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>Speicher</translation>
    </message>
    <message>
        <source>Messages</source>
        <extracomment>app/ui/dialogs/notifications.py</extracomment>
        <translation>Meldungen</translation>
    </message>
    <message>
        <source>Microphone</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Mikrofon</translation>
    </message>
    <message>
        <source>Microphone by name; empty for the system&apos;s default</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Name des Mikrofons; leer für das des Systems</translation>
    </message>
    <message>
        <source>Milliseconds, last minute</source>
        <extracomment>app/ui/preview/plot.py</extracomment>
        <translation>Millisekunden, letzte Minute</translation>
    </message>
    <message>
        <source>Mirror</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Spiegeln</translation>
    </message>
    <message>
        <source>Mirror recordings</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Aufnahmen spiegeln</translation>
    </message>
    <message>
        <source>Mirror the camera</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Kamera spiegeln</translation>
    </message>
    <message>
        <source>More</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Mehr</translation>
    </message>
    <message>
        <source>Move the divider (picture focused)</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Trennlinie bewegen (Bild im Fokus)</translation>
    </message>
    <message>
        <source>Move to trash</source>
        <extracomment>app/ui/dialogs/gallery.py</extracomment>
        <translation>In den Papierkorb</translation>
    </message>
    <message>
        <source>Moving face</source>
        <extracomment>app/pipeline/measuring/scene.py</extracomment>
        <translation>Bewegtes Gesicht</translation>
    </message>
    <message>
        <source>Mute the video</source>
        <extracomment>app/ui/panel/transport.py</extracomment>
        <translation>Video stummschalten</translation>
    </message>
    <message>
        <source>Name a folder beside the input.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>Geben Sie einen Ordner neben der Eingabe an.</translation>
    </message>
    <message>
        <source>Name a folder.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>Geben Sie einen Ordner an.</translation>
    </message>
    <message>
        <source>Name a picture.</source>
        <extracomment>app/batch/sheet.py</extracomment>
        <translation>Geben Sie ein Bild an.</translation>
    </message>
    <message>
        <source>Name another address: originals are never overwritten.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>Geben Sie eine andere Adresse an: Originale werden nie überschrieben.</translation>
    </message>
    <message>
        <source>Name another folder: originals are never overwritten.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>Geben Sie einen anderen Ordner an: Originale werden nie überschrieben.</translation>
    </message>
    <message>
        <source>Name both; a dot is the current folder.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>Geben Sie beide an; ein Punkt steht für den aktuellen Ordner.</translation>
    </message>
    <message>
        <source>Name that address itself.</source>
        <extracomment>app/sources/mjpeg.py, app/sources/rtsp.py</extracomment>
        <translation>Geben Sie diese Adresse selbst an.</translation>
    </message>
    <message>
        <source>Needs: {needs}</source>
        <extracomment>app/ui/panel/outputs.py</extracomment>
        <translation>Benötigt: {needs}</translation>
    </message>
    <message>
        <source>Network stream</source>
        <extracomment>app/outputs/stream.py, app/sources/stream.py</extracomment>
        <translation>Netzwerk-Stream</translation>
    </message>
    <message>
        <source>Next</source>
        <extracomment>app/ui/panel/picture_bar.py</extracomment>
        <translation>Weiter</translation>
    </message>
    <message>
        <source>Next picture of the folder</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Nächstes Bild des Ordners</translation>
    </message>
    <message>
        <source>Next view</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Nächste Ansicht</translation>
    </message>
    <message>
        <source>No camera found</source>
        <extracomment>app/ui/panel/source_menu.py</extracomment>
        <translation>Keine Kamera gefunden</translation>
    </message>
    <message>
        <source>No camera was found.</source>
        <extracomment>app/sources/camera.py, app/ui/texts/source.py</extracomment>
        <translation>Es wurde keine Kamera gefunden.</translation>
    </message>
    <message>
        <source>No camera, so the demo clip is playing</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>Keine Kamera, daher läuft der Democlip</translation>
    </message>
    <message>
        <source>No encoder for {width}x{height} works here.</source>
        <extracomment>app/media/videos/encoder.py</extracomment>
        <translation>Hier funktioniert kein Encoder für {width}x{height}.</translation>
    </message>
    <message>
        <source>No face found</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>Kein Gesicht gefunden</translation>
    </message>
    <message>
        <source>No face to restore</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>Kein Gesicht zum Wiederherstellen</translation>
    </message>
    <message>
        <source>No face was restored within {seconds:g} s.</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>Innerhalb von {seconds:g} s wurde kein Gesicht wiederhergestellt.</translation>
    </message>
    <message>
        <source>No microphone</source>
        <extracomment>app/ui/texts/sound.py</extracomment>
        <translation>Kein Mikrofon</translation>
    </message>
    <message>
        <source>No scheduler answers at {address}.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>Unter {address} antwortet kein Scheduler.</translation>
    </message>
    <message>
        <source>No sound</source>
        <extracomment>app/ui/texts/sound.py</extracomment>
        <translation>Kein Ton</translation>
    </message>
    <message>
        <source>No source</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>Keine Quelle</translation>
    </message>
    <message>
        <source>No {kind} is named in {path}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>In {path} ist kein {kind} genannt.</translation>
    </message>
    <message>
        <source>Nodes: {nodes}.</source>
        <extracomment>app/ui/texts/engine.py</extracomment>
        <translation>Knoten: {nodes}.</translation>
    </message>
    <message>
        <source>Not one of the {count} pictures in {path} can be read.</source>
        <extracomment>app/sources/images.py</extracomment>
        <translation>Keines der {count} Bilder in {path} kann gelesen werden.</translation>
    </message>
    <message>
        <source>Not one picture of {path} can be decoded.</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>Kein einziges Bild von {path} kann dekodiert werden.</translation>
    </message>
    <message>
        <source>Nothing of it could be kept.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>Nichts davon konnte erhalten werden.</translation>
    </message>
    <message>
        <source>Nothing was recorded yet.</source>
        <extracomment>app/ui/dialogs/gallery.py</extracomment>
        <translation>Es wurde noch nichts aufgenommen.</translation>
    </message>
    <message>
        <source>Now {quality}.</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>Jetzt {quality}.</translation>
    </message>
    <message>
        <source>Now {quality}: there is time for it.</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>Jetzt {quality}: Dafür ist Zeit.</translation>
    </message>
    <message>
        <source>Now {quality}: {reason}.</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>Jetzt {quality}: {reason}.</translation>
    </message>
    <message>
        <source>ONNX Runtime used {provider} instead</source>
        <extracomment>app/restorers/contest.py</extracomment>
        <translation>ONNX Runtime verwendete stattdessen {provider}</translation>
    </message>
    <message>
        <source>Of recordings and saved files; larger ones keep small faces finer. A live recording falls back to a smaller size where this machine is too slow</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Von Aufnahmen und gespeicherten Dateien; in größeren bleiben kleine Gesichter feiner. Eine Live-Aufnahme fällt auf eine kleinere Größe zurück, wenn dieser Rechner zu langsam ist</translation>
    </message>
    <message>
        <source>Offline</source>
        <extracomment>app/pipeline/live/session.py</extracomment>
        <translation>Offline</translation>
    </message>
    <message>
        <source>One cycle: the least delay</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>Ein Zyklus: geringste Verzögerung</translation>
    </message>
    <message>
        <source>One face alone, the next one, all again</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Ein Gesicht allein, das nächste, wieder alle</translation>
    </message>
    <message>
        <source>Open</source>
        <extracomment>app/ui/dialogs/dialogs.py</extracomment>
        <translation>Öffnen</translation>
    </message>
    <message>
        <source>Open a file</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Datei öffnen</translation>
    </message>
    <message>
        <source>Open a file…</source>
        <extracomment>app/ui/actions.py, app/ui/texts/source.py</extracomment>
        <translation>Datei öffnen…</translation>
    </message>
    <message>
        <source>Open a folder</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Ordner öffnen</translation>
    </message>
    <message>
        <source>Open a folder of pictures</source>
        <extracomment>app/ui/flows/choosing.py</extracomment>
        <translation>Bilderordner öffnen</translation>
    </message>
    <message>
        <source>Open a folder of pictures…</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Bilderordner öffnen…</translation>
    </message>
    <message>
        <source>Open a source first.</source>
        <extracomment>app/pipeline/live/recording.py, app/pipeline/live/session.py</extracomment>
        <translation>Öffnen Sie zuerst eine Quelle.</translation>
    </message>
    <message>
        <source>Open a stream</source>
        <extracomment>app/ui/actions.py, app/ui/dialogs/dialogs.py</extracomment>
        <translation>Stream öffnen</translation>
    </message>
    <message>
        <source>Open a stream…</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Stream öffnen…</translation>
    </message>
    <message>
        <source>Open a video or a picture</source>
        <extracomment>app/ui/flows/choosing.py</extracomment>
        <translation>Video oder Bild öffnen</translation>
    </message>
    <message>
        <source>Open a video, a picture or a folder; a camera is recorded with R.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Öffnen Sie ein Video, ein Bild oder einen Ordner; eine Kamera wird mit R aufgenommen.</translation>
    </message>
    <message>
        <source>Open folder</source>
        <extracomment>app/ui/flows/capture.py, app/ui/flows/sharing.py</extracomment>
        <translation>Ordner öffnen</translation>
    </message>
    <message>
        <source>Open it in the window and record it: python main.py --source ADDRESS</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>Öffnen Sie ihn im Fenster und nehmen Sie ihn auf: python main.py --source ADDRESS</translation>
    </message>
    <message>
        <source>Open log&apos;s folder</source>
        <extracomment>app/ui/flows/help.py</extracomment>
        <translation>Protokollordner öffnen</translation>
    </message>
    <message>
        <source>Open the folder for recordings</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Ordner für Aufnahmen öffnen</translation>
    </message>
    <message>
        <source>Open the log&apos;s folder</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Protokollordner öffnen</translation>
    </message>
    <message>
        <source>Opening the first camera…</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>Die erste Kamera wird geöffnet…</translation>
    </message>
    <message>
        <source>Opening {name}…</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>{name} wird geöffnet…</translation>
    </message>
    <message>
        <source>Opening…</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>Wird geöffnet…</translation>
    </message>
    <message>
        <source>Opens the window. Settings given here hold this time; the others are as they were left.</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>Öffnet das Fenster. Hier angegebene Einstellungen gelten nur dieses Mal; die anderen bleiben, wie sie waren.</translation>
    </message>
    <message>
        <source>Opens {address}</source>
        <extracomment>app/ui/dialogs/dialogs.py</extracomment>
        <translation>Öffnet {address}</translation>
    </message>
    <message>
        <source>Original</source>
        <extracomment>app/batch/sheet.py, app/core/settings.py, app/outputs/compose.py, app/ui/panel/panel.py, app/ui/preview/state_text.py</extracomment>
        <translation>Original</translation>
    </message>
    <message>
        <source>Original only</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Nur das Original</translation>
    </message>
    <message>
        <source>Others see</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Andere sehen</translation>
    </message>
    <message>
        <source>Output size</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Ausgabegröße</translation>
    </message>
    <message>
        <source>Outputs</source>
        <extracomment>app/ui/panel/outputs.py</extracomment>
        <translation>Ausgaben</translation>
    </message>
    <message>
        <source>Passes</source>
        <extracomment>app/ui/panel/cycles.py</extracomment>
        <translation>Durchläufe</translation>
    </message>
    <message>
        <source>Paste the picture where you like.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Fügen Sie das Bild ein, wo Sie möchten.</translation>
    </message>
    <message>
        <source>Paste them where you report the problem.</source>
        <extracomment>app/ui/flows/help.py</extracomment>
        <translation>Fügen Sie sie dort ein, wo Sie das Problem melden.</translation>
    </message>
    <message>
        <source>Pause</source>
        <extracomment>app/ui/panel/transport.py</extracomment>
        <translation>Pause</translation>
    </message>
    <message>
        <source>Pause, continue (picture focused)</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Pause, weiter (Bild im Fokus)</translation>
    </message>
    <message>
        <source>Paused</source>
        <extracomment>app/pipeline/live/session.py</extracomment>
        <translation>Pausiert</translation>
    </message>
    <message>
        <source>Paused. Press Space to go on</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>Pausiert. Leertaste setzt fort</translation>
    </message>
    <message>
        <source>Picture before</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Vorheriges Bild</translation>
    </message>
    <message>
        <source>Picture, before and after</source>
        <extracomment>app/ui/preview/preview.py</extracomment>
        <translation>Bild, vorher und nachher</translation>
    </message>
    <message>
        <source>Pictures</source>
        <extracomment>app/sources/images.py, app/ui/texts/source.py</extracomment>
        <translation>Bilder</translation>
    </message>
    <message>
        <source>Pictures per second of the virtual camera</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Bilder pro Sekunde der virtuellen Kamera</translation>
    </message>
    <message>
        <source>Place in the video</source>
        <extracomment>app/ui/panel/transport.py</extracomment>
        <translation>Stelle im Video</translation>
    </message>
    <message>
        <source>Play</source>
        <extracomment>app/ui/dialogs/gallery.py, app/ui/panel/transport.py</extracomment>
        <translation>Abspielen</translation>
    </message>
    <message>
        <source>Play sound</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Ton abspielen</translation>
    </message>
    <message>
        <source>Play the demo clip</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Democlip abspielen</translation>
    </message>
    <message>
        <source>Play the sound of a video</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Spielt den Ton eines Videos ab</translation>
    </message>
    <message>
        <source>Play the video&apos;s sound</source>
        <extracomment>app/ui/panel/transport.py</extracomment>
        <translation>Ton des Videos abspielen</translation>
    </message>
    <message>
        <source>Plot the last minute under the picture</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Zeigt die letzte Minute als Diagramm unter dem Bild</translation>
    </message>
    <message>
        <source>Plug it in or choose one of: {known}.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>Schließen Sie sie an oder wählen Sie: {known}.</translation>
    </message>
    <message>
        <source>Plug one in and press F5, or open a file or a stream.</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>Schließen Sie eine an und drücken Sie F5, oder öffnen Sie eine Datei oder einen Stream.</translation>
    </message>
    <message>
        <source>Plug one in, or choose a file or a stream.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>Schließen Sie eine an, oder wählen Sie eine Datei oder einen Stream.</translation>
    </message>
    <message>
        <source>Position of the divider</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Lage der Trennlinie</translation>
    </message>
    <message>
        <source>Precision</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Präzision</translation>
    </message>
    <message>
        <source>Previous</source>
        <extracomment>app/ui/panel/picture_bar.py</extracomment>
        <translation>Zurück</translation>
    </message>
    <message>
        <source>Program</source>
        <extracomment>app/ui/dialogs/about.py</extracomment>
        <translation>Programm</translation>
    </message>
    <message>
        <source>Progress</source>
        <extracomment>app/ui/panel/job_bar.py</extracomment>
        <translation>Fortschritt</translation>
    </message>
    <message>
        <source>Quality</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Qualität</translation>
    </message>
    <message>
        <source>R records, S takes a picture.</source>
        <extracomment>app/ui/flows/first_hints.py</extracomment>
        <translation>R nimmt auf, S macht ein Bild.</translation>
    </message>
    <message>
        <source>Recent</source>
        <extracomment>app/ui/panel/source_menu.py</extracomment>
        <translation>Zuletzt verwendet</translation>
    </message>
    <message>
        <source>Record</source>
        <extracomment>app/ui/panel/panel.py, app/ui/texts/sound.py</extracomment>
        <translation>Aufnehmen</translation>
    </message>
    <message>
        <source>Record a video</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Video aufnehmen</translation>
    </message>
    <message>
        <source>Record and save the mirrored picture too</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Spiegelt auch Aufnahmen und gespeicherte Bilder</translation>
    </message>
    <message>
        <source>Record the video&apos;s own sound, or the microphone beside a camera</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Nimmt den Ton des Videos auf oder, bei einer Kamera, das Mikrofon</translation>
    </message>
    <message>
        <source>Record, no sound</source>
        <extracomment>app/ui/texts/sound.py</extracomment>
        <translation>Stumm aufnehmen</translation>
    </message>
    <message>
        <source>Record, stop</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Aufnehmen, stoppen</translation>
    </message>
    <message>
        <source>Recording</source>
        <extracomment>app/core/setting.py, app/core/settings.py, app/outputs/recordings/output.py</extracomment>
        <translation>Aufnahme</translation>
    </message>
    <message>
        <source>Recording failed: {error}.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>Die Aufnahme ist fehlgeschlagen: {error}.</translation>
    </message>
    <message>
        <source>Recording {duration}</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>Aufnahme {duration}</translation>
    </message>
    <message>
        <source>Recording {size}: {wanted} times is too slow here. Save restored… has time for it.</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>Aufnahme {size}: {wanted}-mal ist hier zu langsam. „Ergebnis speichern…“ hat Zeit dafür.</translation>
    </message>
    <message>
        <source>Recordings and pictures</source>
        <extracomment>app/ui/dialogs/gallery.py</extracomment>
        <translation>Aufnahmen und Bilder</translation>
    </message>
    <message>
        <source>Requested from the camera</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Wird von der Kamera angefordert</translation>
    </message>
    <message>
        <source>Requested from the camera; the window shows what it delivers</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Wird von der Kamera angefordert; das Fenster zeigt, was sie liefert</translation>
    </message>
    <message>
        <source>Reset all settings</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Alle Einstellungen zurücksetzen</translation>
    </message>
    <message>
        <source>Resolution</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Auflösung</translation>
    </message>
    <message>
        <source>Restoration</source>
        <extracomment>app/core/setting.py, app/ui/actions.py</extracomment>
        <translation>Wiederherstellung</translation>
    </message>
    <message>
        <source>Restore it again when nothing writes to it.</source>
        <extracomment>app/batch/jobs/task.py</extracomment>
        <translation>Stellen Sie sie erneut wieder her, wenn nichts mehr in sie schreibt.</translation>
    </message>
    <message>
        <source>Restore it again with --fresh.</source>
        <extracomment>app/batch/videos/joining.py</extracomment>
        <translation>Stellen Sie es mit --fresh noch einmal wieder her.</translation>
    </message>
    <message>
        <source>Restore the largest N faces; 0 restores all</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Stellt die größten N Gesichter wieder her; 0 alle</translation>
    </message>
    <message>
        <source>Restore the whole file</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Ganze Datei wiederherstellen</translation>
    </message>
    <message>
        <source>Restore without it, or copy the file here first.</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>Stellen Sie ohne diese Option wieder her, oder kopieren Sie die Datei erst hierher.</translation>
    </message>
    <message>
        <source>Restored</source>
        <extracomment>app/core/settings.py, app/outputs/compose.py, app/ui/preview/state_text.py</extracomment>
        <translation>Ergebnis</translation>
    </message>
    <message>
        <source>Restored and saved</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Wiederhergestellt und gespeichert</translation>
    </message>
    <message>
        <source>Restored only</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Nur das Ergebnis</translation>
    </message>
    <message>
        <source>Restorer</source>
        <extracomment>app/core/settings.py, app/ui/panel/panel.py</extracomment>
        <translation>Netz</translation>
    </message>
    <message>
        <source>Restorers are: {known}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>Verfügbare Netze: {known}.</translation>
    </message>
    <message>
        <source>Restores every face in a picture, a video (every frame and the sound are kept) or a folder of both
(names and subfolders are kept). Outside the faces nothing changes. The input is never overwritten.</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>Stellt jedes Gesicht in einem Bild, einem Video (alle Einzelbilder und der Ton bleiben) oder einem Ordner mit
beidem wieder her (Namen und Unterordner bleiben). Außerhalb der Gesichter ändert sich nichts. Die Eingabe wird
nie überschrieben.</translation>
    </message>
    <message>
        <source>Restores faces live, with a network that is applied k times (arXiv 2606.06850).</source>
        <extracomment>app/ui/dialogs/about.py</extracomment>
        <translation>Stellt Gesichter live wieder her, mit einem Netz, das k-mal angewendet wird (arXiv 2606.06850).</translation>
    </message>
    <message>
        <source>Restores faces live, with a small network applied k times. No command opens the window.</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>Stellt Gesichter live wieder her, mit einem kleinen Netz, das k-mal angewendet wird. Ohne Befehl öffnet sich das Fenster.</translation>
    </message>
    <message>
        <source>Restoring failed: {error}.</source>
        <extracomment>app/batch/background.py, app/pipeline/live/inference.py</extracomment>
        <translation>Die Wiederherstellung ist fehlgeschlagen: {error}.</translation>
    </message>
    <message>
        <source>Restoring was cancelled</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Die Wiederherstellung wurde abgebrochen</translation>
    </message>
    <message>
        <source>Restoring {name}</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>{name} wird wiederhergestellt</translation>
    </message>
    <message>
        <source>Retry</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>Erneut versuchen</translation>
    </message>
    <message>
        <source>Room on the disk</source>
        <extracomment>app/outputs/recordings/output.py</extracomment>
        <translation>Platz auf dem Datenträger</translation>
    </message>
    <message>
        <source>Run the shards that are missing, or leave --join out to do the rest here.</source>
        <extracomment>app/batch/engine.py</extracomment>
        <translation>Führen Sie die fehlenden Teile aus, oder lassen Sie --join weg, um den Rest hier zu erledigen.</translation>
    </message>
    <message>
        <source>Same as the system</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Wie das System</translation>
    </message>
    <message>
        <source>Save before and after in one picture</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Vorher und nachher in einem Bild speichern</translation>
    </message>
    <message>
        <source>Save it as RGB.</source>
        <extracomment>app/media/pictures/picture_facts.py</extracomment>
        <translation>Speichern Sie es als RGB.</translation>
    </message>
    <message>
        <source>Save it as one file, for example with `onnx.save_model(model, path)`, and describe it anew.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>Speichern Sie es als eine Datei, etwa mit `onnx.save_model(model, path)`, und beschreiben Sie es neu.</translation>
    </message>
    <message>
        <source>Save it with 8 or 16 bits.</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>Speichern Sie es mit 8 oder 16 Bit.</translation>
    </message>
    <message>
        <source>Save restored</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Ergebnis speichern</translation>
    </message>
    <message>
        <source>Save restored…</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Ergebnis speichern…</translation>
    </message>
    <message>
        <source>Save the one that is meant as a file of its own.</source>
        <extracomment>app/media/pictures/picture_facts.py</extracomment>
        <translation>Speichern Sie das gemeinte Bild als eigene Datei.</translation>
    </message>
    <message>
        <source>Saved {names}</source>
        <extracomment>app/ui/flows/capture.py</extracomment>
        <translation>{names} gespeichert</translation>
    </message>
    <message>
        <source>Saved {names}.</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>{names} gespeichert.</translation>
    </message>
    <message>
        <source>Saving to the same place later goes on with what is finished.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Wer später am selben Ort speichert, macht mit dem Fertigen weiter.</translation>
    </message>
    <message>
        <source>Sees 16x16 pixels of a face, whatever it is given: it suits faces that are hardly larger.</source>
        <extracomment>app/restorers/families/pfsrnet.py</extracomment>
        <translation>Sieht 16x16 Pixel eines Gesichts, egal was es bekommt: Es passt für Gesichter, die kaum größer sind.</translation>
    </message>
    <message>
        <source>Set everything up with `python3 bootstrap.py run`; it names what the system itself lacks.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>Richten Sie alles mit `python3 bootstrap.py run` ein; es nennt auch, was dem System selbst fehlt.</translation>
    </message>
    <message>
        <source>Set the camera to a smaller size.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>Stellen Sie die Kamera auf eine kleinere Größe ein.</translation>
    </message>
    <message>
        <source>Settings are as they were</source>
        <extracomment>app/ui/flows/reset.py</extracomment>
        <translation>Die Einstellungen sind wie zuvor</translation>
    </message>
    <message>
        <source>Settings are at their defaults already</source>
        <extracomment>app/ui/flows/reset.py</extracomment>
        <translation>Die Einstellungen stehen bereits auf den Standardwerten</translation>
    </message>
    <message>
        <source>Settings are back to their defaults</source>
        <extracomment>app/ui/flows/reset.py</extracomment>
        <translation>Die Einstellungen sind auf die Standardwerte zurückgesetzt</translation>
    </message>
    <message>
        <source>Shards keep their journals in the output folder, and that is behind an address.</source>
        <extracomment>app/batch/engine.py</extracomment>
        <translation>Teile führen ihr Journal im Ausgabeordner, und der liegt hinter einer Adresse.</translation>
    </message>
    <message>
        <source>Share the last seconds as a clip</source>
        <extracomment>app/ui/actions.py, app/ui/menus.py</extracomment>
        <translation>Die letzten Sekunden als Clip teilen</translation>
    </message>
    <message>
        <source>Share: clips, pictures, whole files</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Teilen: Clips, Bilder, ganze Dateien</translation>
    </message>
    <message>
        <source>Show a camera as a mirror does; recordings are not mirrored</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Zeigt eine Kamera wie ein Spiegel; Aufnahmen werden nicht gespiegelt</translation>
    </message>
    <message>
        <source>Show each face&apos;s box and the cycles it took</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Zeigt den Rahmen jedes Gesichts und seine Zyklen</translation>
    </message>
    <message>
        <source>Show in folder</source>
        <extracomment>app/ui/dialogs/gallery.py</extracomment>
        <translation>Im Ordner zeigen</translation>
    </message>
    <message>
        <source>Show or hide everything else: camera, cycles, outputs, engine</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Alles Weitere ein- oder ausblenden: Kamera, Zyklen, Ausgaben, Engine</translation>
    </message>
    <message>
        <source>Show the time of every stage</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Zeigt die Zeit jeder Stufe</translation>
    </message>
    <message>
        <source>Side by side</source>
        <extracomment>app/core/settings.py, app/ui/panel/panel.py</extracomment>
        <translation>Parallel</translation>
    </message>
    <message>
        <source>Single</source>
        <extracomment>app/ui/panel/cycles.py</extracomment>
        <translation>Einer</translation>
    </message>
    <message>
        <source>Size of its picture; another shape gets bars</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Größe ihres Bildes; andere Formate erhalten Balken</translation>
    </message>
    <message>
        <source>Slowed down: {rate}</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>Verlangsamt: {rate}</translation>
    </message>
    <message>
        <source>Snapshot saved, before and after</source>
        <extracomment>app/ui/flows/capture.py</extracomment>
        <translation>Schnappschuss gespeichert, vorher und nachher</translation>
    </message>
    <message>
        <source>Snapshot, before and after</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Schnappschuss, vorher und nachher</translation>
    </message>
    <message>
        <source>Snapshot: saves before and after</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Schnappschuss: speichert vorher und nachher</translation>
    </message>
    <message>
        <source>Something unexpected went wrong: {error}</source>
        <extracomment>app/ui/reports.py</extracomment>
        <translation>Ein unerwarteter Fehler ist aufgetreten: {error}</translation>
    </message>
    <message>
        <source>Sound</source>
        <extracomment>app/core/settings.py, app/ui/panel/sound_row.py</extracomment>
        <translation>Ton</translation>
    </message>
    <message>
        <source>Sound of recordings</source>
        <extracomment>app/ui/panel/sound_row.py</extracomment>
        <translation>Ton der Aufnahmen</translation>
    </message>
    <message>
        <source>Source</source>
        <extracomment>app/core/setting.py, app/core/settings.py, app/ui/actions.py, app/ui/panel/panel.py</extracomment>
        <translation>Quelle</translation>
    </message>
    <message>
        <source>Source is {state}</source>
        <extracomment>app/ui/panel/status_line.py</extracomment>
        <translation>Quelle: {state}</translation>
    </message>
    <message>
        <source>Source: {name}</source>
        <extracomment>app/ui/style/buttons.py</extracomment>
        <translation>Quelle: {name}</translation>
    </message>
    <message>
        <source>Spinning</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Aktives Warten</translation>
    </message>
    <message>
        <source>Split</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Geteilt</translation>
    </message>
    <message>
        <source>Split as seen</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Wie gezeigt</translation>
    </message>
    <message>
        <source>Split: drag the divider</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Geteilt: Trennlinie ziehen</translation>
    </message>
    <message>
        <source>Start it again and give the same command: it goes on.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>Starten Sie ihn neu und geben Sie denselben Befehl ein: Die Arbeit geht weiter.</translation>
    </message>
    <message>
        <source>Start it on a desktop. Without one, `{program} restore` works on files; see --help.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>Starten Sie es auf einem Desktop. Ohne einen arbeitet `{program} restore` mit Dateien; siehe --help.</translation>
    </message>
    <message>
        <source>Start one with `dask scheduler`.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>Starten Sie einen mit `dask scheduler`.</translation>
    </message>
    <message>
        <source>Start some with `dask worker`.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>Starten Sie welche mit `dask worker`.</translation>
    </message>
    <message>
        <source>Starting…</source>
        <extracomment>app/ui/panel/outputs.py, app/ui/panel/status_line.py, app/ui/preview/preview.py</extracomment>
        <translation>Wird gestartet…</translation>
    </message>
    <message>
        <source>Steady</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Ruhiges Bild</translation>
    </message>
    <message>
        <source>Stop  {duration}  {size}</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Stopp  {duration}  {size}</translation>
    </message>
    <message>
        <source>Stop and close</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Abbrechen und schließen</translation>
    </message>
    <message>
        <source>Stop below</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Ende unter</translation>
    </message>
    <message>
        <source>Stop it first.</source>
        <extracomment>app/outputs/fanout.py, app/pipeline/live/recording.py</extracomment>
        <translation>Stoppen Sie sie zuerst.</translation>
    </message>
    <message>
        <source>Stop recording</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Aufnahme beenden</translation>
    </message>
    <message>
        <source>Strength</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Stärke</translation>
    </message>
    <message>
        <source>Strength down</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Weniger Stärke</translation>
    </message>
    <message>
        <source>Strength up</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Mehr Stärke</translation>
    </message>
    <message>
        <source>System microphone</source>
        <extracomment>app/ui/texts/sound.py</extracomment>
        <translation>Systemmikrofon</translation>
    </message>
    <message>
        <source>TB</source>
        <extracomment>app/ui/style/formatting.py</extracomment>
        <translation>TB</translation>
    </message>
    <message>
        <source>Target rate</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Zielrate</translation>
    </message>
    <message>
        <source>That part is in {kept}. Add --overwrite to restore it again.</source>
        <extracomment>app/batch/run.py</extracomment>
        <translation>Dieser Teil liegt in {kept}. Mit --overwrite wird es erneut restauriert.</translation>
    </message>
    <message>
        <source>The camera does not open, so the demo clip is playing</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>Die Kamera lässt sich nicht öffnen, daher läuft der Demo-Clip</translation>
    </message>
    <message>
        <source>The camera {name} cannot be opened.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>Die Kamera {name} kann nicht geöffnet werden.</translation>
    </message>
    <message>
        <source>The camera {name} opens but gives no picture.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>Die Kamera {name} öffnet sich, liefert aber kein Bild.</translation>
    </message>
    <message>
        <source>The camera {name} stopped giving pictures.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>Die Kamera {name} liefert keine Bilder mehr.</translation>
    </message>
    <message>
        <source>The chosen face is out of sight · Esc: all faces</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>Das gewählte Gesicht ist nicht zu sehen · Esc: alle Gesichter</translation>
    </message>
    <message>
        <source>The clip was not made.</source>
        <extracomment>app/outputs/sharing/clip.py</extracomment>
        <translation>Der Clip wurde nicht erstellt.</translation>
    </message>
    <message>
        <source>The details are in {log}</source>
        <extracomment>app/batch/background.py, app/batch/worker.py, app/cli/messages.py, app/ui/reports.py</extracomment>
        <translation>Einzelheiten stehen in {log}</translation>
    </message>
    <message>
        <source>The disk of {folder} is almost full.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>Der Datenträger von {folder} ist fast voll.</translation>
    </message>
    <message>
        <source>The encoder {encoder} cannot be used here for {width}x{height} pixels.</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>Der Encoder {encoder} kann hier für {width}x{height} Pixel nicht verwendet werden.</translation>
    </message>
    <message>
        <source>The face detector failed: {error}.</source>
        <extracomment>app/faces/detector.py</extracomment>
        <translation>Die Gesichtserkennung ist fehlgeschlagen: {error}.</translation>
    </message>
    <message>
        <source>The face detector is missing: {model}.</source>
        <extracomment>app/faces/detector.py</extracomment>
        <translation>Die Gesichtserkennung fehlt: {model}.</translation>
    </message>
    <message>
        <source>The face detector {name} was refused: {error}.</source>
        <extracomment>app/faces/detector.py</extracomment>
        <translation>Die Gesichtserkennung {name} wurde abgelehnt: {error}.</translation>
    </message>
    <message>
        <source>The file being recorded was deleted or moved away.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>Die Datei der laufenden Aufnahme wurde gelöscht oder verschoben.</translation>
    </message>
    <message>
        <source>The file is damaged.</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>Die Datei ist beschädigt.</translation>
    </message>
    <message>
        <source>The folder of {path} does not exist.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>Der Ordner von {path} existiert nicht.</translation>
    </message>
    <message>
        <source>The folder {path} may not be read.</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>Der Ordner {path} darf nicht gelesen werden.</translation>
    </message>
    <message>
        <source>The frame rate that auto k holds</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Die Bildrate, die Auto-k hält</translation>
    </message>
    <message>
        <source>The inference engine failed: {error}.</source>
        <extracomment>app/restorers/engine.py</extracomment>
        <translation>Die Engine ist ausgefallen: {error}.</translation>
    </message>
    <message>
        <source>The inference engine refused {file}: {error}.</source>
        <extracomment>app/restorers/engine.py</extracomment>
        <translation>Die Engine hat {file} abgelehnt: {error}.</translation>
    </message>
    <message>
        <source>The journal in {folder} cannot be written ({error}).</source>
        <extracomment>app/batch/jobs/journal.py</extracomment>
        <translation>Das Journal in {folder} kann nicht geschrieben werden ({error}).</translation>
    </message>
    <message>
        <source>The journal {path} cannot be opened ({error}).</source>
        <extracomment>app/batch/jobs/journal.py</extracomment>
        <translation>Das Journal {path} kann nicht geöffnet werden ({error}).</translation>
    </message>
    <message>
        <source>The key of {host} is not among those that this computer knows.</source>
        <extracomment>app/media/sftp.py</extracomment>
        <translation>Der Schlüssel von {host} gehört nicht zu denen, die dieser Computer kennt.</translation>
    </message>
    <message>
        <source>The list of models cannot be read: {path} ({reason}).</source>
        <extracomment>app/restorers/manifest.py</extracomment>
        <translation>Die Liste der Modelle kann nicht gelesen werden: {path} ({reason}).</translation>
    </message>
    <message>
        <source>The list of models is damaged: {path} ({error}).</source>
        <extracomment>app/restorers/manifest.py</extracomment>
        <translation>Die Liste der Modelle ist beschädigt: {path} ({error}).</translation>
    </message>
    <message>
        <source>The list of models {path} cannot be used: {error}.</source>
        <extracomment>app/restorers/manifest.py</extracomment>
        <translation>Die Liste der Modelle {path} kann nicht verwendet werden: {error}.</translation>
    </message>
    <message>
        <source>The list of models {path} lacks the field {error}.</source>
        <extracomment>app/restorers/manifest.py</extracomment>
        <translation>Der Liste der Modelle {path} fehlt das Feld {error}.</translation>
    </message>
    <message>
        <source>The model {name} ({precision})</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>Das Modell {name} ({precision})</translation>
    </message>
    <message>
        <source>The model {name} is a {kind}, not a restorer.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>Das Modell {name} ist ein {kind}, kein Netz zur Wiederherstellung.</translation>
    </message>
    <message>
        <source>The name of {path} is too long for any disk.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>Der Name von {path} ist für jeden Datenträger zu lang.</translation>
    </message>
    <message>
        <source>The name of {path} is too long for this disk.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>Der Name von {path} ist für diesen Datenträger zu lang.</translation>
    </message>
    <message>
        <source>The network gave values that are no numbers.</source>
        <extracomment>app/restorers/buffers.py</extracomment>
        <translation>Das Netz lieferte Werte, die keine Zahlen sind.</translation>
    </message>
    <message>
        <source>The network that restores faces</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Das Netz, das Gesichter wiederherstellt</translation>
    </message>
    <message>
        <source>The network that restores faces; empty for the default one</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Das Netz, das Gesichter wiederherstellt; leer für das Standardnetz</translation>
    </message>
    <message>
        <source>The networks were trained on pictures gathered for research. Using them for anything else is not covered by the licence of the program.</source>
        <extracomment>app/ui/dialogs/about.py</extracomment>
        <translation>Die Netze wurden mit Bildern trainiert, die für die Forschung gesammelt wurden. Jede andere Verwendung ist von der Lizenz des Programms nicht gedeckt.</translation>
    </message>
    <message>
        <source>The others are in the source menu, under Recent.</source>
        <extracomment>app/ui/flows/choosing.py</extracomment>
        <translation>Die anderen stehen im Quellenmenü unter „Zuletzt verwendet“.</translation>
    </message>
    <message>
        <source>The output failed: {error}.</source>
        <extracomment>app/outputs/base.py</extracomment>
        <translation>Die Ausgabe ist fehlgeschlagen: {error}.</translation>
    </message>
    <message>
        <source>The pieces of a video overlap.</source>
        <extracomment>app/batch/videos/joining.py</extracomment>
        <translation>Die Teile eines Videos überlappen sich.</translation>
    </message>
    <message>
        <source>The pieces of a video were encoded differently: {name}.</source>
        <extracomment>app/batch/videos/joining.py</extracomment>
        <translation>Die Teile eines Videos wurden unterschiedlich kodiert: {name}.</translation>
    </message>
    <message>
        <source>The restored picture</source>
        <extracomment>app/outputs/stream.py</extracomment>
        <translation>Das wiederhergestellte Bild</translation>
    </message>
    <message>
        <source>The restored piece {path} cannot be read ({reason}).</source>
        <extracomment>app/batch/videos/joining.py</extracomment>
        <translation>Der wiederhergestellte Teil {path} kann nicht gelesen werden ({reason}).</translation>
    </message>
    <message>
        <source>The restorer {name} could not be loaded: {error}.</source>
        <extracomment>app/pipeline/live/loader.py</extracomment>
        <translation>Das Netz {name} konnte nicht geladen werden: {error}.</translation>
    </message>
    <message>
        <source>The results cannot be printed: {reason}.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>Die Ergebnisse können nicht ausgegeben werden: {reason}.</translation>
    </message>
    <message>
        <source>The scheduler has no workers.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>Der Scheduler hat keine Worker.</translation>
    </message>
    <message>
        <source>The scheduler is gone.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>Der Scheduler ist nicht mehr erreichbar.</translation>
    </message>
    <message>
        <source>The sound of {path} cannot be read ({reason}).</source>
        <extracomment>app/media/videos/sound_reader.py</extracomment>
        <translation>Der Ton von {path} kann nicht gelesen werden ({reason}).</translation>
    </message>
    <message>
        <source>The source</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>Die Quelle</translation>
    </message>
    <message>
        <source>The source cannot be opened.</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>Die Quelle kann nicht geöffnet werden.</translation>
    </message>
    <message>
        <source>The source did not open within {seconds:g} s.</source>
        <extracomment>app/pipeline/capture/worker.py</extracomment>
        <translation>Die Quelle ließ sich nicht innerhalb von {seconds:g} s öffnen.</translation>
    </message>
    <message>
        <source>The source failed.</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>Die Quelle ist ausgefallen.</translation>
    </message>
    <message>
        <source>The source failed: {error}.</source>
        <extracomment>app/pipeline/capture/attempt.py</extracomment>
        <translation>Die Quelle ist ausgefallen: {error}.</translation>
    </message>
    <message>
        <source>The stream cannot be served at {host}:{port}: {reason}.</source>
        <extracomment>app/outputs/stream.py</extracomment>
        <translation>Der Stream kann unter {host}:{port} nicht angeboten werden: {reason}.</translation>
    </message>
    <message>
        <source>The stream {address} ended.</source>
        <extracomment>app/sources/mjpeg.py, app/sources/stream.py</extracomment>
        <translation>Der Stream {address} ist zu Ende.</translation>
    </message>
    <message>
        <source>The stream {address} is too slow.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>Der Stream {address} ist zu langsam.</translation>
    </message>
    <message>
        <source>The stream {address} sends a picture that is too large.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>Der Stream {address} sendet ein zu großes Bild.</translation>
    </message>
    <message>
        <source>The stream {address} sends damaged pictures only.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>Der Stream {address} sendet nur beschädigte Bilder.</translation>
    </message>
    <message>
        <source>The stream {address} sends headers that cannot be read.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>Der Stream {address} sendet unlesbare Kopfzeilen.</translation>
    </message>
    <message>
        <source>The stream {address} stalled.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>Der Stream {address} ist stehen geblieben.</translation>
    </message>
    <message>
        <source>The stream {address} stopped ({reason}).</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>Der Stream {address} hat angehalten ({reason}).</translation>
    </message>
    <message>
        <source>The stream {address} was cut.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>Der Stream {address} wurde unterbrochen.</translation>
    </message>
    <message>
        <source>The system&apos;s microphone does not open: the recording has no sound.</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>Das Mikrofon des Systems lässt sich nicht öffnen: Die Aufnahme hat keinen Ton.</translation>
    </message>
    <message>
        <source>The video&apos;s sound</source>
        <extracomment>app/ui/texts/sound.py</extracomment>
        <translation>Ton des Videos</translation>
    </message>
    <message>
        <source>The virtual camera needs the package pyvirtualcam, which is not installed.</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>Die virtuelle Kamera braucht das Paket pyvirtualcam, das nicht installiert ist.</translation>
    </message>
    <message>
        <source>The virtual camera {name} is gone ({error}).</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>Die virtuelle Kamera {name} ist nicht mehr da ({error}).</translation>
    </message>
    <message>
        <source>The virtual camera {path} cannot be used: {reason}.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>Die virtuelle Kamera {path} kann nicht verwendet werden: {reason}.</translation>
    </message>
    <message>
        <source>The worker that restored {name} died {attempts} times.</source>
        <extracomment>app/batch/executors/processes.py</extracomment>
        <translation>Der Worker, der {name} wiederherstellte, wurde {attempts}-mal beendet.</translation>
    </message>
    <message>
        <source>The worker {name} cannot take part: {error}</source>
        <extracomment>app/batch/executors/dask_worker.py</extracomment>
        <translation>Der Worker {name} kann nicht teilnehmen: {error}</translation>
    </message>
    <message>
        <source>The worker {name} has other networks than this machine.</source>
        <extracomment>app/batch/executors/dask_worker.py</extracomment>
        <translation>Der Worker {name} hat andere Netze als dieser Rechner.</translation>
    </message>
    <message>
        <source>The worker {name} has version {there}, this is {here}.</source>
        <extracomment>app/batch/executors/dask_worker.py</extracomment>
        <translation>Der Worker {name} hat Version {there}, hier läuft {here}.</translation>
    </message>
    <message>
        <source>The workers that restored {name} died: {error}.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>Die Worker, die {name} wiederherstellten, wurden beendet: {error}.</translation>
    </message>
    <message>
        <source>Theme</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Design</translation>
    </message>
    <message>
        <source>There are no pictures in {folder}.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>In {folder} gibt es keine Bilder.</translation>
    </message>
    <message>
        <source>There are no pictures or videos in {folder}.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>In {folder} gibt es keine Bilder oder Videos.</translation>
    </message>
    <message>
        <source>There are: {known}.</source>
        <extracomment>app/batch/sheet.py</extracomment>
        <translation>Verfügbar: {known}.</translation>
    </message>
    <message>
        <source>There is no camera called {name}.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>Es gibt keine Kamera namens {name}.</translation>
    </message>
    <message>
        <source>There is no display to open a window on.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>Es gibt keinen Bildschirm, auf dem sich ein Fenster öffnen ließe.</translation>
    </message>
    <message>
        <source>There is no file or folder called {source}.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>Es gibt keine Datei und keinen Ordner namens {source}.</translation>
    </message>
    <message>
        <source>There is no file or folder {text}.</source>
        <extracomment>app/sources/registry.py</extracomment>
        <translation>Es gibt keine Datei und keinen Ordner {text}.</translation>
    </message>
    <message>
        <source>There is no file to save</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Es gibt keine Datei zum Speichern</translation>
    </message>
    <message>
        <source>There is no file {path}.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>Es gibt keine Datei {path}.</translation>
    </message>
    <message>
        <source>There is no free name for a recording in {folder}.</source>
        <extracomment>app/outputs/recordings/output.py</extracomment>
        <translation>In {folder} ist kein Name für eine Aufnahme frei.</translation>
    </message>
    <message>
        <source>There is no model {name}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>Es gibt kein Modell {name}.</translation>
    </message>
    <message>
        <source>There is no output called {name}.</source>
        <extracomment>app/outputs/registry.py</extracomment>
        <translation>Es gibt keine Ausgabe namens {name}.</translation>
    </message>
    <message>
        <source>There is no picture in the folder {path}.</source>
        <extracomment>app/sources/images.py</extracomment>
        <translation>Im Ordner {path} ist kein Bild.</translation>
    </message>
    <message>
        <source>There is no picture to copy yet</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Es gibt noch kein Bild zum Kopieren</translation>
    </message>
    <message>
        <source>There is no picture to record yet.</source>
        <extracomment>app/pipeline/live/recording.py</extracomment>
        <translation>Es gibt noch kein Bild zum Aufnehmen.</translation>
    </message>
    <message>
        <source>There is no picture to save yet</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Es gibt noch kein Bild zum Speichern</translation>
    </message>
    <message>
        <source>There is no picture to save yet.</source>
        <extracomment>app/pipeline/live/session.py</extracomment>
        <translation>Es gibt noch kein Bild zum Speichern.</translation>
    </message>
    <message>
        <source>There is no room for a recording in {folder}.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>In {folder} ist kein Platz für eine Aufnahme.</translation>
    </message>
    <message>
        <source>There is no room left for {path}.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>Für {path} ist kein Platz mehr.</translation>
    </message>
    <message>
        <source>There is no setting called {names}.</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Es gibt keine Einstellung namens {names}.</translation>
    </message>
    <message>
        <source>There is no setting called {name}.</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Es gibt keine Einstellung namens {name}.</translation>
    </message>
    <message>
        <source>There is no view called {view}.</source>
        <extracomment>app/outputs/compose.py</extracomment>
        <translation>Es gibt keine Ansicht namens {view}.</translation>
    </message>
    <message>
        <source>There is no virtual camera that can be opened.</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>Es gibt keine virtuelle Kamera, die sich öffnen lässt.</translation>
    </message>
    <message>
        <source>There is no way to record called {mode}.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>Es gibt keine Aufnahmeart namens {mode}.</translation>
    </message>
    <message>
        <source>There is nothing at {address}.</source>
        <extracomment>app/batch/jobs/plan.py, app/media/remote.py</extracomment>
        <translation>Unter {address} ist nichts.</translation>
    </message>
    <message>
        <source>There is too little to make a clip of.</source>
        <extracomment>app/outputs/sharing/clip.py</extracomment>
        <translation>Für einen Clip ist es zu wenig.</translation>
    </message>
    <message>
        <source>They may have run out of memory.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>Möglicherweise reichte ihr Speicher nicht aus.</translation>
    </message>
    <message>
        <source>This computer is fast enough for the network {name}</source>
        <extracomment>app/ui/flows/offer.py</extracomment>
        <translation>Dieser Computer ist schnell genug für das Netz {name}</translation>
    </message>
    <message>
        <source>This face alone · Esc: all faces</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>Nur dieses Gesicht · Esc: alle Gesichter</translation>
    </message>
    <message>
        <source>This machine, its driver or this FFmpeg lacks it; leave --encoder out to take x264.</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>Diesem Rechner, seinem Treiber oder diesem FFmpeg fehlt er; lassen Sie --encoder weg, um x264 zu verwenden.</translation>
    </message>
    <message>
        <source>This sheet</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Diese Übersicht</translation>
    </message>
    <message>
        <source>Threads</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Threads</translation>
    </message>
    <message>
        <source>Threads of the inference engine; 0 uses every physical core</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Threads der Engine; 0 verwendet jeden physischen Kern</translation>
    </message>
    <message>
        <source>Three cycles: looks best</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>Drei Zyklen: sieht am besten aus</translation>
    </message>
    <message>
        <source>Trained for one pass: fed its own output again it drifts.</source>
        <extracomment>app/restorers/families/cfrnet_d.py, app/restorers/families/hifacegan.py</extracomment>
        <translation>Für einen Durchlauf trainiert: Mit der eigenen Ausgabe gespeist driftet es.</translation>
    </message>
    <message>
        <source>Tried: {names}. Reinstall the package av.</source>
        <extracomment>app/media/videos/encoder.py</extracomment>
        <translation>Versucht: {names}. Installieren Sie das Paket av neu.</translation>
    </message>
    <message>
        <source>True</source>
        <extracomment>app/outputs/compose.py</extracomment>
        <translation>Echt</translation>
    </message>
    <message>
        <source>True, bad, restored</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Drei Bilder</translation>
    </message>
    <message>
        <source>Try again</source>
        <extracomment>app/ui/actions.py, app/ui/flows/source.py</extracomment>
        <translation>Erneut versuchen</translation>
    </message>
    <message>
        <source>Try the suffix .mkv.</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>Versuchen Sie es mit der Endung .mkv.</translation>
    </message>
    <message>
        <source>Trying again in {seconds:.0f} s</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>Neuer Versuch in {seconds:.0f} s</translation>
    </message>
    <message>
        <source>Trying to reconnect…</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>Verbindung wird wiederhergestellt…</translation>
    </message>
    <message>
        <source>Twice as large</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Doppelt so groß</translation>
    </message>
    <message>
        <source>Two cycles: nearest to the true face</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>Zwei Zyklen: am nächsten am echten Gesicht</translation>
    </message>
    <message>
        <source>Two files</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Zwei Dateien</translation>
    </message>
    <message>
        <source>Undo</source>
        <extracomment>app/ui/flows/reset.py</extracomment>
        <translation>Rückgängig</translation>
    </message>
    <message>
        <source>Undo a settings reset</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Zurücksetzen der Einstellungen rückgängig machen</translation>
    </message>
    <message>
        <source>Undo the reset</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Zurücksetzen rückgängig machen</translation>
    </message>
    <message>
        <source>Use http:// or rtsp://.</source>
        <extracomment>app/sources/registry.py</extracomment>
        <translation>Verwenden Sie http:// oder rtsp://.</translation>
    </message>
    <message>
        <source>Use one of {names}.</source>
        <extracomment>app/batch/videos/restore.py, app/media/pictures/picture.py, app/outputs/recordings/recorder.py, app/outputs/registry.py</extracomment>
        <translation>Verwenden Sie eines von {names}.</translation>
    </message>
    <message>
        <source>Use side-by-side, split or restored.</source>
        <extracomment>app/outputs/compose.py</extracomment>
        <translation>Verwenden Sie side-by-side, split oder restored.</translation>
    </message>
    <message>
        <source>Use {name}</source>
        <extracomment>app/ui/flows/offer.py</extracomment>
        <translation>{name} verwenden</translation>
    </message>
    <message>
        <source>Using {provider}.</source>
        <extracomment>app/ui/texts/engine.py</extracomment>
        <translation>{provider} wird verwendet.</translation>
    </message>
    <message>
        <source>Video</source>
        <extracomment>app/sources/video.py</extracomment>
        <translation>Video</translation>
    </message>
    <message>
        <source>Videos</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>Videos</translation>
    </message>
    <message>
        <source>Videos and pictures</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>Videos und Bilder</translation>
    </message>
    <message>
        <source>View</source>
        <extracomment>app/core/setting.py, app/core/settings.py, app/ui/actions.py, app/ui/panel/panel.py</extracomment>
        <translation>Ansicht</translation>
    </message>
    <message>
        <source>Viewers</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Zuschauer</translation>
    </message>
    <message>
        <source>Virtual camera</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>Virtuelle Kamera</translation>
    </message>
    <message>
        <source>Wait a moment.</source>
        <extracomment>app/pipeline/live/recording.py</extracomment>
        <translation>Warten Sie einen Augenblick.</translation>
    </message>
    <message>
        <source>Wait for it, or give another output.</source>
        <extracomment>app/batch/jobs/journal.py</extracomment>
        <translation>Warten Sie darauf, oder geben Sie ein anderes Ziel an.</translation>
    </message>
    <message>
        <source>Wait for them, or cancel below.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Warten Sie darauf, oder brechen Sie unten ab.</translation>
    </message>
    <message>
        <source>What an interrupted run had restored of it is in {kept}.</source>
        <extracomment>app/batch/run.py</extracomment>
        <translation>Was ein abgebrochener Lauf davon wiederhergestellt hatte, liegt in {kept}.</translation>
    </message>
    <message>
        <source>What could be restored of it is in {kept}.</source>
        <extracomment>app/batch/videos/incomplete.py</extracomment>
        <translation>Was davon wiederhergestellt werden konnte, liegt in {kept}.</translation>
    </message>
    <message>
        <source>What is recorded</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Was aufgenommen wird</translation>
    </message>
    <message>
        <source>What is recorded beside the pictures</source>
        <extracomment>app/ui/panel/sound_row.py</extracomment>
        <translation>Was neben den Bildern aufgenommen wird</translation>
    </message>
    <message>
        <source>What runs the network; auto takes the fastest here, one that is not available is replaced by the CPU</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Was das Netz ausführt; auto nimmt das Schnellste hier, was nicht verfügbar ist, wird durch die CPU ersetzt</translation>
    </message>
    <message>
        <source>What the preview shows</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Was die Vorschau zeigt</translation>
    </message>
    <message>
        <source>What the virtual camera and the stream show</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Was virtuelle Kamera und Stream zeigen</translation>
    </message>
    <message>
        <source>What was finished is kept.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Fertiges bleibt erhalten.</translation>
    </message>
    <message>
        <source>When the window was closed</source>
        <extracomment>app/ui/flows/capture.py</extracomment>
        <translation>Beim Schließen des Fensters</translation>
    </message>
    <message>
        <source>Where recordings and snapshots go; empty for the system&apos;s videos folder</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Wohin Aufnahmen und Schnappschüsse kommen; leer für den Videoordner des Systems</translation>
    </message>
    <message>
        <source>Whole picture again</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Wieder das ganze Bild</translation>
    </message>
    <message>
        <source>Windows with a DirectX 12 card; pip install onnxruntime-directml in place of onnxruntime.</source>
        <extracomment>app/restorers/providers.py</extracomment>
        <translation>Windows mit einer DirectX-12-Karte; pip install onnxruntime-directml anstelle von onnxruntime.</translation>
    </message>
    <message>
        <source>Write HOST:PORT, such as 127.0.0.1:8090.</source>
        <extracomment>app/outputs/stream.py</extracomment>
        <translation>Schreiben Sie HOST:PORT, etwa 127.0.0.1:8090.</translation>
    </message>
    <message>
        <source>Write Original and Restored, and a thin line between them, into every output that shows both</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Schreibt „Original“ und „Ergebnis“ und eine dünne Linie dazwischen in jede Ausgabe, die beides zeigt</translation>
    </message>
    <message>
        <source>Write a PNG instead.</source>
        <extracomment>app/media/pictures/picture_encoding.py</extracomment>
        <translation>Schreiben Sie stattdessen ein PNG.</translation>
    </message>
    <message>
        <source>Write them as http://NAME:PASSWORD@...</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>Schreiben Sie sie als http://NAME:PASSWORD@...</translation>
    </message>
    <message>
        <source>Write them in place of the dots.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>Schreiben Sie beides anstelle der Punkte.</translation>
    </message>
    <message>
        <source>a Dask scheduler, such as tcp://scheduler:8786</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>ein Dask-Scheduler, etwa tcp://scheduler:8786</translation>
    </message>
    <message>
        <source>a cycle, median</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>ein Zyklus, Median</translation>
    </message>
    <message>
        <source>a data track</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>eine Datenspur</translation>
    </message>
    <message>
        <source>a number</source>
        <extracomment>app/core/setting.py</extracomment>
        <translation>eine Zahl</translation>
    </message>
    <message>
        <source>a number from {low:g} to {high:g}</source>
        <extracomment>app/core/setting.py</extracomment>
        <translation>eine Zahl von {low:g} bis {high:g}</translation>
    </message>
    <message>
        <source>a picture, a video or a folder</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>ein Bild, ein Video oder ein Ordner</translation>
    </message>
    <message>
        <source>a whole number from {low:g} to {high:g}</source>
        <extracomment>app/core/setting.py</extracomment>
        <translation>eine ganze Zahl von {low:g} bis {high:g}</translation>
    </message>
    <message>
        <source>about {count} of its pictures are missing</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>etwa {count} Bilder fehlen</translation>
    </message>
    <message>
        <source>access is not allowed</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>der Zugriff ist nicht erlaubt</translation>
    </message>
    <message>
        <source>age when finished</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>Alter am Ende</translation>
    </message>
    <message>
        <source>align</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>Ausrichten</translation>
    </message>
    <message>
        <source>all but cycles</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>alles außer Zyklen</translation>
    </message>
    <message>
        <source>already there, kept: {kept} of {all} files, first {first}; --overwrite replaces them</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>bereits vorhanden und behalten: {kept} von {all} Dateien, die erste ist {first}; --overwrite ersetzt sie</translation>
    </message>
    <message>
        <source>also write the medians to FILE</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>die Mediane auch in FILE schreiben</translation>
    </message>
    <message>
        <source>an attached file</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>eine angehängte Datei</translation>
    </message>
    <message>
        <source>an unknown track</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>eine unbekannte Spur</translation>
    </message>
    <message>
        <source>another process</source>
        <extracomment>app/batch/jobs/journal.py</extracomment>
        <translation>ein anderer Prozess</translation>
    </message>
    <message>
        <source>another video</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>ein weiteres Video</translation>
    </message>
    <message>
        <source>argument %(argument_name)s: %(message)s</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>Argument %(argument_name)s: %(message)s</translation>
    </message>
    <message>
        <source>at the source&apos;s size</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>in der Größe der Quelle</translation>
    </message>
    <message>
        <source>auto k: {k} of {wanted}</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>Auto-k: {k} von {wanted}</translation>
    </message>
    <message>
        <source>be a camera that video calls can choose</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>eine Kamera sein, die in Videoanrufen gewählt werden kann</translation>
    </message>
    <message>
        <source>begin anew instead of going on where a run stopped</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>neu beginnen, statt dort weiterzumachen, wo ein Lauf aufgehört hat</translation>
    </message>
    <message>
        <source>budget</source>
        <extracomment>app/ui/preview/plot.py</extracomment>
        <translation>Budget</translation>
    </message>
    <message>
        <source>connecting</source>
        <extracomment>app/cli/live.py, app/ui/panel/status_line.py</extracomment>
        <translation>wird verbunden</translation>
    </message>
    <message>
        <source>cycle {number}</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>Zyklus {number}</translation>
    </message>
    <message>
        <source>detect</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>Erkennen</translation>
    </message>
    <message>
        <source>do not check the certificate of the address that --source names</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>das Zertifikat der mit --source angegebenen Adresse nicht prüfen</translation>
    </message>
    <message>
        <source>do part I of N only, as in a job array</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>nur Teil I von N erledigen, wie in einem Job-Array</translation>
    </message>
    <message>
        <source>dropped frames</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>ausgefallene Bilder</translation>
    </message>
    <message>
        <source>ended</source>
        <extracomment>app/cli/live.py, app/ui/panel/status_line.py</extracomment>
        <translation>beendet</translation>
    </message>
    <message>
        <source>error: {what}</source>
        <extracomment>app/cli/messages.py, app/cli/parser.py</extracomment>
        <translation>Fehler: {what}</translation>
    </message>
    <message>
        <source>even k = {k} is too slow, frames are dropped</source>
        <extracomment>app/pipeline/budget.py</extracomment>
        <translation>selbst k = {k} ist zu langsam, Bilder fallen aus</translation>
    </message>
    <message>
        <source>examples:</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>Beispiele:</translation>
    </message>
    <message>
        <source>exit codes: 0 the work was done, 1 it was not (one line on stderr says why), 2 a wrong option, 130 interrupted</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>Rückgabewerte: 0 erledigt, 1 nicht erledigt (eine Zeile auf stderr sagt, warum), 2 falsche Option, 130 abgebrochen</translation>
    </message>
    <message>
        <source>expected at least one argument</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>mindestens ein Argument erwartet</translation>
    </message>
    <message>
        <source>expected one argument</source>
        <extracomment>app/cli/argument_words.py, app/cli/parser.py</extracomment>
        <translation>ein Argument erwartet</translation>
    </message>
    <message>
        <source>failed</source>
        <extracomment>app/cli/live.py, app/ui/panel/status_line.py</extracomment>
        <translation>fehlgeschlagen</translation>
    </message>
    <message>
        <source>fps</source>
        <extracomment>app/core/settings.py, app/pipeline/measuring/bench.py</extracomment>
        <translation>fps</translation>
    </message>
    <message>
        <source>frame age</source>
        <extracomment>app/ui/preview/plot.py</extracomment>
        <translation>Bildalter</translation>
    </message>
    <message>
        <source>from CPU</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>zur CPU</translation>
    </message>
    <message>
        <source>go on restoring what arrives in the folder, until Ctrl-C</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>weiter wiederherstellen, was im Ordner eintrifft, bis Strg-C</translation>
    </message>
    <message>
        <source>going on where an earlier run stopped; restored already: {done}</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>es geht weiter, wo ein früherer Lauf aufgehört hat; bereits wiederhergestellt: {done}</translation>
    </message>
    <message>
        <source>hint: {what}</source>
        <extracomment>app/cli/messages.py, app/cli/parser.py</extracomment>
        <translation>Tipp: {what}</translation>
    </message>
    <message>
        <source>ignored explicit argument %r</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>überzähliges Argument %r</translation>
    </message>
    <message>
        <source>interrupted: what was finished is kept, nothing half-written was left.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>abgebrochen: Fertiges bleibt erhalten, nichts Halbfertiges blieb zurück.</translation>
    </message>
    <message>
        <source>invalid %(type)s value: %(value)r</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>ungültiger Wert für %(type)s: %(value)r</translation>
    </message>
    <message>
        <source>invalid choice: %(value)r (choose from %(choices)s)</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>ungültige Auswahl: %(value)r (möglich: %(choices)s)</translation>
    </message>
    <message>
        <source>invalid choice: %(value)r, maybe you meant %(closest)r? (choose from %(choices)s)</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>ungültige Auswahl: %(value)r, meinten Sie %(closest)r? (möglich: %(choices)s)</translation>
    </message>
    <message>
        <source>it asks for a name and a password</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>Name und Passwort werden verlangt</translation>
    </message>
    <message>
        <source>it cannot be read</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>das Lesen ist nicht möglich</translation>
    </message>
    <message>
        <source>it crashed (exit code {code})</source>
        <extracomment>app/restorers/probe.py</extracomment>
        <translation>abgestürzt (Rückgabewert {code})</translation>
    </message>
    <message>
        <source>it did not answer within {seconds:g} s</source>
        <extracomment>app/restorers/probe.py</extracomment>
        <translation>keine Antwort innerhalb von {seconds:g} s</translation>
    </message>
    <message>
        <source>it gave nothing</source>
        <extracomment>app/restorers/contest.py</extracomment>
        <translation>es kam kein Ergebnis</translation>
    </message>
    <message numerus="yes">
        <source>it is damaged in {n} places, where pictures may be spoilt or missing</source>
        <extracomment>app/batch/videos/output.py; for one: it is damaged in one place, where pictures may be spoilt or missing</extracomment>
        <translation>
            <numerusform>es ist an einer Stelle beschädigt, wo Bilder verdorben sein oder fehlen können</numerusform>
            <numerusform>es ist an {n} Stellen beschädigt, wo Bilder verdorben sein oder fehlen können</numerusform>
        </translation>
    </message>
    <message>
        <source>it is interlaced and was marked progressive</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>es ist im Zeilensprungverfahren aufgenommen und wurde als progressiv gekennzeichnet</translation>
    </message>
    <message>
        <source>its CMYK colours became RGB</source>
        <extracomment>app/media/pictures/picture_facts.py</extracomment>
        <translation>CMYK-Farben wurden zu RGB</translation>
    </message>
    <message>
        <source>its Dolby Vision data</source>
        <extracomment>app/media/videos/side_data.py</extracomment>
        <translation>Dolby-Vision-Daten</translation>
    </message>
    <message>
        <source>its EXIF data</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>EXIF-Daten</translation>
    </message>
    <message>
        <source>its HDR Vivid data</source>
        <extracomment>app/media/videos/side_data.py</extracomment>
        <translation>HDR-Vivid-Daten</translation>
    </message>
    <message>
        <source>its HDR10 description (mastering display, light levels) was left out</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>die HDR10-Beschreibung (Mastering-Monitor, Lichtpegel) wurde weggelassen</translation>
    </message>
    <message>
        <source>its HDR10+ data</source>
        <extracomment>app/media/videos/side_data.py</extracomment>
        <translation>HDR10+-Daten</translation>
    </message>
    <message>
        <source>its XMP data</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>XMP-Daten</translation>
    </message>
    <message>
        <source>its closed captions, which are inside the pictures</source>
        <extracomment>app/media/videos/side_data.py</extracomment>
        <translation>Untertitel für Hörgeschädigte, die in den Bildern stecken</translation>
    </message>
    <message>
        <source>its colour profile</source>
        <extracomment>app/media/pictures/picture.py, app/media/videos/side_data.py</extracomment>
        <translation>Farbprofil</translation>
    </message>
    <message>
        <source>its colours, stored as floating-point numbers, became {bits} bits</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>die als Gleitkommazahlen gespeicherten Farben wurden zu {bits} Bit</translation>
    </message>
    <message>
        <source>its colours, stored at {sampling}, became 4:2:0</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>die mit {sampling} gespeicherten Farben wurden zu 4:2:0</translation>
    </message>
    <message>
        <source>its content credentials (C2PA)</source>
        <extracomment>app/media/pictures/jpeg_parts.py</extracomment>
        <translation>seine Herkunftsnachweise (C2PA)</translation>
    </message>
    <message>
        <source>its contents are damaged or of an unknown format</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>der Inhalt ist beschädigt oder hat ein unbekanntes Format</translation>
    </message>
    <message>
        <source>its cover picture</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>das Titelbild</translation>
    </message>
    <message>
        <source>its description as a 3D video</source>
        <extracomment>app/media/videos/side_data.py</extracomment>
        <translation>Kennzeichnung als 3D-Video</translation>
    </message>
    <message>
        <source>its description as a panorama</source>
        <extracomment>app/media/videos/side_data.py</extracomment>
        <translation>Kennzeichnung als Panorama</translation>
    </message>
    <message>
        <source>its extended XMP data, such as its depth</source>
        <extracomment>app/media/pictures/jpeg_parts.py</extracomment>
        <translation>seine erweiterten XMP-Daten, etwa die Tiefe</translation>
    </message>
    <message>
        <source>its high dynamic range is not marked any more</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>der hohe Dynamikumfang ist nicht mehr gekennzeichnet</translation>
    </message>
    <message>
        <source>its picture is {levels:.1f} levels from the CPU&apos;s</source>
        <extracomment>app/restorers/contest.py</extracomment>
        <translation>das Bild weicht {levels:.1f} Stufen von dem der CPU ab</translation>
    </message>
    <message>
        <source>its pictures end {seconds:.1f} s before the rest of it</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>die Bilder enden {seconds:.1f} s vor dem Rest</translation>
    </message>
    <message>
        <source>its resolution</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>Auflösung</translation>
    </message>
    <message>
        <source>its sound ({codec}) became AAC, as the format cannot hold it</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>der Ton ({codec}) wurde zu AAC, weil das Format ihn nicht fasst</translation>
    </message>
    <message>
        <source>its sound ({codec}) became AAC, as the format cannot hold it; a name that ends in .mkv keeps it</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>der Ton ({codec}) wurde zu AAC, weil das Format ihn nicht fasst; ein Name mit der Endung .mkv behält ihn</translation>
    </message>
    <message>
        <source>its transparency</source>
        <extracomment>app/media/pictures/picture.py, app/media/pictures/picture_facts.py</extracomment>
        <translation>Transparenz</translation>
    </message>
    <message>
        <source>its transparency was left out</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>die Transparenz wurde weggelassen</translation>
    </message>
    <message>
        <source>its {bits} bits a colour became {kept}</source>
        <extracomment>app/batch/videos/output.py, app/media/pictures/picture.py</extracomment>
        <translation>{bits} Bit pro Farbe wurden zu {kept}</translation>
    </message>
    <message>
        <source>kB</source>
        <extracomment>app/ui/style/formatting.py</extracomment>
        <translation>kB</translation>
    </message>
    <message numerus="yes">
        <source>left alone: {n} other files: {names}</source>
        <extracomment>app/cli/restore.py; for one: left alone: {n} other file: {names}</extracomment>
        <translation>
            <numerusform>nicht angerührt: {n} andere Datei: {names}</numerusform>
            <numerusform>nicht angerührt: {n} andere Dateien: {names}</numerusform>
        </translation>
    </message>
    <message>
        <source>left out from a damaged place on: {track}</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>ab einer beschädigten Stelle weggelassen: {track}</translation>
    </message>
    <message>
        <source>left out, as a {suffix} does not hold it: {parts}</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>weggelassen, weil eine {suffix}-Datei es nicht fasst: {parts}</translation>
    </message>
    <message>
        <source>left out, as the format cannot hold it: {tracks}</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>weggelassen, weil das Format es nicht fasst: {tracks}</translation>
    </message>
    <message>
        <source>left out, as the format cannot hold it: {tracks}; a name that ends in .mkv may keep them</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>weggelassen, weil das Format es nicht fasst: {tracks}; ein Name mit der Endung .mkv behält es vielleicht</translation>
    </message>
    <message>
        <source>left out: its colour profile, which is damaged or not one for its colours</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>weggelassen: das Farbprofil, das beschädigt oder nicht für diese Farben ist</translation>
    </message>
    <message numerus="yes">
        <source>left out: {n} further pictures in the file, such as a preview or what makes it HDR</source>
        <extracomment>app/media/pictures/jpeg_parts.py; for one: left out: {n} further picture in the file, such as a preview or what makes it HDR</extracomment>
        <translation>
            <numerusform>weggelassen: {n} weiteres Bild in der Datei, etwa eine Vorschau oder was sie zu HDR macht</numerusform>
            <numerusform>weggelassen: {n} weitere Bilder in der Datei, etwa eine Vorschau oder was sie zu HDR macht</numerusform>
        </translation>
    </message>
    <message>
        <source>left out: {parts}</source>
        <extracomment>app/batch/videos/output.py, app/media/pictures/jpeg_parts.py, app/media/pictures/picture.py, app/media/pictures/picture_facts.py</extracomment>
        <translation>weggelassen: {parts}</translation>
    </message>
    <message>
        <source>licence: {licence}</source>
        <extracomment>app/cli/inspection.py</extracomment>
        <translation>Lizenz: {licence}</translation>
    </message>
    <message>
        <source>list the cameras by name</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>die Kameras mit Namen auflisten</translation>
    </message>
    <message>
        <source>list the shipped networks and check their hashes</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>die mitgelieferten Netze auflisten und ihre Prüfsummen prüfen</translation>
    </message>
    <message>
        <source>list the shipped networks and verify their SHA-256</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>die mitgelieferten Netze auflisten und ihr SHA-256 prüfen</translation>
    </message>
    <message>
        <source>live</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>läuft</translation>
    </message>
    <message>
        <source>live needs an output: --virtual-camera, --serve or both</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>live braucht eine Ausgabe: --virtual-camera, --serve oder beides</translation>
    </message>
    <message>
        <source>lowered to {k}</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>auf {k} gesenkt</translation>
    </message>
    <message>
        <source>macOS 12 or newer; it comes with onnxruntime.</source>
        <extracomment>app/restorers/providers.py</extracomment>
        <translation>macOS 12 oder neuer; es gehört zu onnxruntime.</translation>
    </message>
    <message>
        <source>make bad</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>verschlechtern</translation>
    </message>
    <message>
        <source>make the result 1, 2 or 4 times as large: faces keep the pixels that the network gives them, the rest is enlarged (default 1)</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>das Ergebnis 1-, 2- oder 4-mal so groß machen: Gesichter behalten die Pixel, die das Netz liefert, der Rest wird vergrößert (Standard 1)</translation>
    </message>
    <message>
        <source>make the whole of what all the shards have done</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>das Ganze aus dem zusammensetzen, was alle Teile erledigt haben</translation>
    </message>
    <message>
        <source>measure every network on everything here that can run one, and stop</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>jedes Netz auf allem messen, was es hier ausführen kann, und beenden</translation>
    </message>
    <message>
        <source>measure the networks and the pipeline on this machine</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>die Netze und die Verarbeitung auf diesem Rechner messen</translation>
    </message>
    <message>
        <source>measure this machine</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>die Leistung dieses Rechners messen</translation>
    </message>
    <message>
        <source>network</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>Netz</translation>
    </message>
    <message>
        <source>no</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>nein</translation>
    </message>
    <message>
        <source>no camera was found.</source>
        <extracomment>app/cli/inspection.py</extracomment>
        <translation>es wurde keine Kamera gefunden.</translation>
    </message>
    <message>
        <source>no cycles</source>
        <extracomment>app/ui/preview/scene.py</extracomment>
        <translation>keine Zyklen</translation>
    </message>
    <message>
        <source>no face was found</source>
        <extracomment>app/batch/worker.py</extracomment>
        <translation>es wurde kein Gesicht gefunden</translation>
    </message>
    <message>
        <source>no face was found in any of its frames</source>
        <extracomment>app/batch/worker.py</extracomment>
        <translation>in keinem der Bilder wurde ein Gesicht gefunden</translation>
    </message>
    <message>
        <source>no face was found, every part is the picture itself</source>
        <extracomment>app/batch/sheet.py</extracomment>
        <translation>es wurde kein Gesicht gefunden, jeder Teil ist das Bild selbst</translation>
    </message>
    <message>
        <source>no face was found, it was only enlarged</source>
        <extracomment>app/batch/worker.py</extracomment>
        <translation>es wurde kein Gesicht gefunden, das Bild wurde nur vergrößert</translation>
    </message>
    <message>
        <source>no face was found, it was written unchanged</source>
        <extracomment>app/batch/worker.py</extracomment>
        <translation>es wurde kein Gesicht gefunden, das Bild wurde unverändert geschrieben</translation>
    </message>
    <message>
        <source>no window: a camera for calls, and a stream for OBS or a browser</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>ohne Fenster: eine Kamera für Anrufe und ein Stream für OBS oder einen Browser</translation>
    </message>
    <message>
        <source>nodes</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>Knoten</translation>
    </message>
    <message>
        <source>not allowed with argument %s</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>nicht zusammen mit dem Argument %s möglich</translation>
    </message>
    <message>
        <source>not here: {provider}. {needs}</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>hier nicht verfügbar: {provider}. {needs}</translation>
    </message>
    <message>
        <source>not usable</source>
        <extracomment>app/ui/texts/engine.py</extracomment>
        <translation>nicht nutzbar</translation>
    </message>
    <message>
        <source>note: {what}</source>
        <extracomment>app/cli/messages.py</extracomment>
        <translation>Hinweis: {what}</translation>
    </message>
    <message>
        <source>nothing answers at this address</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>unter dieser Adresse antwortet nichts</translation>
    </message>
    <message>
        <source>of an unknown kind</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>unbekannter Art</translation>
    </message>
    <message>
        <source>of {budget}</source>
        <extracomment>app/ui/preview/overlay.py</extracomment>
        <translation>von {budget}</translation>
    </message>
    <message>
        <source>off</source>
        <extracomment>app/ui/panel/bindings.py</extracomment>
        <translation>aus</translation>
    </message>
    <message>
        <source>offline</source>
        <extracomment>app/cli/live.py, app/ui/panel/status_line.py</extracomment>
        <translation>offline</translation>
    </message>
    <message>
        <source>ok</source>
        <extracomment>app/cli/inspection.py</extracomment>
        <translation>ok</translation>
    </message>
    <message>
        <source>one face at {fps:g} fps</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>ein Gesicht mit {fps:g} fps</translation>
    </message>
    <message>
        <source>one of the arguments %s is required</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>eines der Argumente %s ist erforderlich</translation>
    </message>
    <message>
        <source>one of {choices}</source>
        <extracomment>app/core/setting.py</extracomment>
        <translation>einer der Werte {choices}</translation>
    </message>
    <message>
        <source>one picture</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>ein Bild</translation>
    </message>
    <message>
        <source>online</source>
        <extracomment>app/cli/live.py, app/ui/panel/status_line.py</extracomment>
        <translation>online</translation>
    </message>
    <message>
        <source>open the window (the default); every setting can be given as an option</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>das Fenster öffnen (Standard); jede Einstellung kann als Option angegeben werden</translation>
    </message>
    <message>
        <source>open the window on a network camera</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>das Fenster mit einer Netzwerkkamera öffnen</translation>
    </message>
    <message>
        <source>open the window on a video, two cycles</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>das Fenster mit einem Video öffnen, zwei Zyklen</translation>
    </message>
    <message>
        <source>open the window on the last used or first camera</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>das Fenster mit der zuletzt verwendeten oder ersten Kamera öffnen</translation>
    </message>
    <message>
        <source>options</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>Optionen</translation>
    </message>
    <message>
        <source>other</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>2. Netz</translation>
    </message>
    <message>
        <source>paint</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>Zeichnen</translation>
    </message>
    <message>
        <source>paste</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>Einfügen</translation>
    </message>
    <message>
        <source>positional arguments</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>Positionsargumente</translation>
    </message>
    <message>
        <source>precision</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>Präzision</translation>
    </message>
    <message>
        <source>print the milliseconds of every stage as JSON on stdout</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>die Millisekunden jeder Stufe als JSON auf stdout ausgeben</translation>
    </message>
    <message>
        <source>processes that restore side by side, each with one thread of the engine (default: as many as this machine&apos;s cores and memory carry, and one where there is little to do)</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>Prozesse, die nebeneinander wiederherstellen, jeder mit einem Thread der Engine (Standard: so viele, wie Kerne und Speicher dieses Rechners tragen, und einer, wenn es wenig zu tun gibt)</translation>
    </message>
    <message>
        <source>processing</source>
        <extracomment>app/ui/preview/plot.py</extracomment>
        <translation>Verarbeitung</translation>
    </message>
    <message>
        <source>provider</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>Provider</translation>
    </message>
    <message>
        <source>pyvirtualcam knows no driver for this system.</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>pyvirtualcam kennt für dieses System keinen Treiber.</translation>
    </message>
    <message>
        <source>replace files that are there; without it they are kept</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>vorhandene Dateien ersetzen; sonst bleiben sie erhalten</translation>
    </message>
    <message>
        <source>restore a camera, file or stream without a window, for a virtual camera or the network</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>eine Kamera, eine Datei oder einen Stream ohne Fenster wiederherstellen, für eine virtuelle Kamera oder das Netzwerk</translation>
    </message>
    <message>
        <source>restore a picture, a video or a folder</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>ein Bild, ein Video oder einen Ordner wiederherstellen</translation>
    </message>
    <message>
        <source>restore works on files, and {address} is a stream.</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>restore arbeitet mit Dateien, {address} ist aber ein Stream.</translation>
    </message>
    <message>
        <source>restorers, with commas between: write one labelled sheet of a picture and what each makes of it</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>Netze, durch Kommas getrennt: ein beschriftetes Blatt mit einem Bild und dem Ergebnis jedes Netzes schreiben</translation>
    </message>
    <message>
        <source>restoring</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>Wiederherstellung</translation>
    </message>
    <message>
        <source>serve MJPEG over HTTP, with a page on / (default %(const)s, which this machine alone can see)</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>MJPEG über HTTP anbieten, mit einer Seite unter / (Standard %(const)s, das nur dieser Rechner sieht)</translation>
    </message>
    <message>
        <source>several networks on one labelled sheet</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>mehrere Netze auf einem beschrifteten Blatt</translation>
    </message>
    <message>
        <source>show program&apos;s version number and exit</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>Versionsnummer des Programms anzeigen und beenden</translation>
    </message>
    <message>
        <source>show this help message and exit</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>diese Hilfe anzeigen und beenden</translation>
    </message>
    <message>
        <source>something unexpected went wrong ({error}).</source>
        <extracomment>app/batch/worker.py, app/cli/messages.py</extracomment>
        <translation>ein unerwarteter Fehler ist aufgetreten ({error}).</translation>
    </message>
    <message>
        <source>sound</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>Ton</translation>
    </message>
    <message>
        <source>source: {facts}</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>Quelle: {facts}</translation>
    </message>
    <message>
        <source>square</source>
        <extracomment>app/ui/menus.py</extracomment>
        <translation>quadratisch</translation>
    </message>
    <message>
        <source>starting</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>startet</translation>
    </message>
    <message>
        <source>stopped</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>gestoppt</translation>
    </message>
    <message>
        <source>stopped.</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>gestoppt.</translation>
    </message>
    <message>
        <source>subtitles</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>Untertitel</translation>
    </message>
    <message>
        <source>tall</source>
        <extracomment>app/ui/menus.py</extracomment>
        <translation>hoch</translation>
    </message>
    <message>
        <source>text</source>
        <extracomment>app/core/setting.py</extracomment>
        <translation>Text</translation>
    </message>
    <message>
        <source>that is no name of a host</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>das ist kein Rechnername</translation>
    </message>
    <message>
        <source>the file is damaged ({error}): what cannot be read was filled in</source>
        <extracomment>app/media/pictures/picture_facts.py</extracomment>
        <translation>die Datei ist beschädigt ({error}): Was sich nicht lesen lässt, wurde aufgefüllt</translation>
    </message>
    <message>
        <source>the file or folder to write</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>die Datei oder der Ordner für das Ergebnis</translation>
    </message>
    <message>
        <source>the following arguments are required: %s</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>die folgenden Argumente sind erforderlich: %s</translation>
    </message>
    <message>
        <source>the journal was damaged; it is kept as {path}</source>
        <extracomment>app/batch/run.py</extracomment>
        <translation>das Journal war beschädigt; es wird als {path} aufbewahrt</translation>
    </message>
    <message>
        <source>the other side closed the connection</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>die Gegenseite hat die Verbindung geschlossen</translation>
    </message>
    <message>
        <source>there is no network</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>es gibt kein Netzwerk</translation>
    </message>
    <message>
        <source>there is no way to this address</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>es führt kein Weg zu dieser Adresse</translation>
    </message>
    <message>
        <source>there is nothing at this address</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>unter dieser Adresse gibt es nichts</translation>
    </message>
    <message>
        <source>there is nothing of that name</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>es gibt nichts mit diesem Namen</translation>
    </message>
    <message>
        <source>there is room for more cycles, which are used if it lasts</source>
        <extracomment>app/pipeline/budget.py</extracomment>
        <translation>es ist Zeit für mehr Zyklen, die folgen, wenn das so bleibt</translation>
    </message>
    <message>
        <source>there was no answer in time</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>es kam keine rechtzeitige Antwort</translation>
    </message>
    <message>
        <source>this kind of address is not known</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>diese Art von Adresse ist nicht bekannt</translation>
    </message>
    <message>
        <source>true or false</source>
        <extracomment>app/core/setting.py</extracomment>
        <translation>true oder false</translation>
    </message>
    <message>
        <source>try a file that fails once more at the end</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>eine fehlgeschlagene Datei am Ende noch einmal versuchen</translation>
    </message>
    <message>
        <source>unknown</source>
        <extracomment>app/restorers/base.py</extracomment>
        <translation>unbekannt</translation>
    </message>
    <message>
        <source>unrecognized arguments: %s</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>unbekannte Argumente: %s</translation>
    </message>
    <message>
        <source>usage: </source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>Aufruf: </translation>
    </message>
    <message>
        <source>waiting</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>wartet</translation>
    </message>
    <message>
        <source>watching {path}; Ctrl-C ends it</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>{path} wird überwacht; Strg-C beendet es</translation>
    </message>
    <message>
        <source>what else its format notes beside the pixels, such as texts</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>was das Format sonst neben den Pixeln enthält, etwa Texte</translation>
    </message>
    <message>
        <source>what was done of a video is kept; the same command goes on from there</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>was von einem Video erledigt ist, bleibt erhalten; derselbe Befehl macht dort weiter</translation>
    </message>
    <message>
        <source>what writes videos: x264 at CRF 16, or a hardware encoder at a like quality, which this machine and its FFmpeg have to have (default x264)</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>womit Videos geschrieben werden: x264 mit CRF 16 oder ein Hardware-Encoder ähnlicher Qualität, den dieser Rechner und sein FFmpeg haben müssen (Standard x264)</translation>
    </message>
    <message>
        <source>wide</source>
        <extracomment>app/ui/menus.py</extracomment>
        <translation>breit</translation>
    </message>
    <message>
        <source>with the milliseconds of every stage</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>mit den Millisekunden jeder Stufe</translation>
    </message>
    <message>
        <source>write the original and the restored one next to each other</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>Original und Ergebnis nebeneinander schreiben</translation>
    </message>
    <message>
        <source>yes</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>ja</translation>
    </message>
    <message>
        <source>{about}, {size}, in {folder}</source>
        <extracomment>app/ui/flows/capture.py</extracomment>
        <translation>{about}, {size}, in {folder}</translation>
    </message>
    <message>
        <source>{address} answers but gives no picture: {what}</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>{address} antwortet, liefert aber kein Bild: {what}</translation>
    </message>
    <message>
        <source>{address} answers {status} {reason}.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} antwortet {status} {reason}.</translation>
    </message>
    <message>
        <source>{address} asks for a name and a password.</source>
        <extracomment>app/sources/mjpeg.py, app/sources/stream.py</extracomment>
        <translation>{address} verlangt Name und Passwort.</translation>
    </message>
    <message>
        <source>{address} cannot be opened ({reason}).</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>{address} kann nicht geöffnet werden ({reason}).</translation>
    </message>
    <message>
        <source>{address} cannot be reached: {reason}.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} ist nicht erreichbar: {reason}.</translation>
    </message>
    <message>
        <source>{address} cannot be used: {error}.</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>{address} kann nicht benutzt werden: {error}.</translation>
    </message>
    <message>
        <source>{address} closed the connection.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} hat die Verbindung geschlossen.</translation>
    </message>
    <message>
        <source>{address} did not answer within {seconds:g} s.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} antwortete nicht innerhalb von {seconds:g} s.</translation>
    </message>
    <message>
        <source>{address} does not answer as a web server does.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} antwortet nicht wie ein Webserver.</translation>
    </message>
    <message>
        <source>{address} does not say where one picture ends.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} sagt nicht, wo ein Bild endet.</translation>
    </message>
    <message>
        <source>{address} has no certificate that is known here, so it may be somebody else.</source>
        <extracomment>app/sources/tls.py</extracomment>
        <translation>{address} hat kein hier bekanntes Zertifikat, es könnte also jemand anderes sein.</translation>
    </message>
    <message>
        <source>{address} has no pictures in it.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>{address} enthält keine Bilder.</translation>
    </message>
    <message>
        <source>{address} is no address that can be opened.</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>{address} ist keine Adresse, die sich öffnen lässt.</translation>
    </message>
    <message>
        <source>{address} needs another package: {error}.</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>{address} braucht ein weiteres Paket: {error}.</translation>
    </message>
    <message>
        <source>{address} sends on to another address.</source>
        <extracomment>app/sources/rtsp.py</extracomment>
        <translation>{address} leitet auf eine andere Adresse um.</translation>
    </message>
    <message>
        <source>{address} sends on to another kind of address, {scheme}.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} leitet auf eine andere Art von Adresse um, {scheme}.</translation>
    </message>
    <message>
        <source>{address} sends on to what is no address.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} leitet auf etwas um, das keine Adresse ist.</translation>
    </message>
    <message>
        <source>{address} sends pictures of {width}x{height}, more than {limit} megapixels.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>{address} sendet Bilder mit {width}x{height}, mehr als {limit} Megapixel.</translation>
    </message>
    <message>
        <source>{asked} is not available; using {got}.</source>
        <extracomment>app/restorers/base.py</extracomment>
        <translation>{asked} ist nicht verfügbar; {got} wird verwendet.</translation>
    </message>
    <message>
        <source>{got}, {asked} not available</source>
        <extracomment>app/ui/texts/engine.py</extracomment>
        <translation>{got}, {asked} nicht verfügbar</translation>
    </message>
    <message>
        <source>{command} --help shows every option with examples.</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>{command} --help zeigt alle Optionen mit Beispielen.</translation>
    </message>
    <message>
        <source>Restores until Ctrl-C and prints the state of the source and of every output when it changes. Nothing is
mirrored, no sound is played. A virtual camera needs v4l2loopback on Linux, OBS and pyvirtualcam on
Windows and macOS.</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>Stellt bis Strg-C wieder her und gibt den Zustand der Quelle und jeder Ausgabe aus, wenn er sich ändert. Nichts wird
gespiegelt, kein Ton abgespielt. Eine virtuelle Kamera braucht v4l2loopback unter Linux, OBS und pyvirtualcam unter
Windows und macOS.</translation>
    </message>
    <message>
        <source>the pictures are aligned face crops: no detection, writes 256x256 PNGs</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>die Bilder sind ausgerichtete Gesichtsausschnitte: keine Erkennung, schreibt PNGs mit 256x256</translation>
    </message>
    <message>
        <source>the video of a motion photo</source>
        <extracomment>app/media/pictures/jpeg_parts.py</extracomment>
        <translation>das Video eines bewegten Fotos</translation>
    </message>
    <message>
        <source>what follows the picture in the file</source>
        <extracomment>app/media/pictures/jpeg_parts.py</extracomment>
        <translation>was in der Datei auf das Bild folgt</translation>
    </message>
    <message>
        <source>{address} needs the package {package}.</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>{address} braucht das Paket {package}.</translation>
    </message>
    <message>
        <source>{device}, {width} x {height} at {fps} fps</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>{device}, {width} x {height} mit {fps} fps</translation>
    </message>
    <message>
        <source>{done} of {all} files restored</source>
        <extracomment>app/cli/restore.py, app/ui/flows/sharing.py</extracomment>
        <translation>{done} von {all} Dateien wiederhergestellt</translation>
    </message>
    <message>
        <source>{done} of {all} files restored, {failed} failed (named above)</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>{done} von {all} Dateien wiederhergestellt, {failed} fehlgeschlagen (oben genannt)</translation>
    </message>
    <message>
        <source>{done}/{all} files</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>{done}/{all} Dateien</translation>
    </message>
    <message>
        <source>{duration} left</source>
        <extracomment>app/cli/restore.py, app/ui/panel/job_bar.py</extracomment>
        <translation>noch {duration}</translation>
    </message>
    <message>
        <source>{folder} is in use: {holder} is doing this job already.</source>
        <extracomment>app/batch/jobs/journal.py</extracomment>
        <translation>{folder} wird verwendet: {holder} erledigt diesen Auftrag bereits.</translation>
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
        <translation>{http}  oder  {rtsp}</translation>
    </message>
    <message>
        <source>{label} cannot be read: {path} ({reason}), expected SHA-256 {sha256}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>{label} kann nicht gelesen werden: {path} ({reason}), erwartet wurde SHA-256 {sha256}.</translation>
    </message>
    <message>
        <source>{label} is not the one that was shipped: {path} has {size} bytes and SHA-256 {found}, the manifest says {bytes} and {sha256}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>{label} ist nicht das mitgelieferte: {path} hat {size} Bytes und SHA-256 {found}, im Manifest stehen {bytes} und {sha256}.</translation>
    </message>
    <message>
        <source>{label} is on already.</source>
        <extracomment>app/outputs/fanout.py</extracomment>
        <translation>{label} ist bereits eingeschaltet.</translation>
    </message>
    <message>
        <source>{label} is started in another way.</source>
        <extracomment>app/pipeline/live/session.py</extracomment>
        <translation>{label} wird auf andere Weise gestartet.</translation>
    </message>
    <message>
        <source>{label} keeps weights in other files, which nothing checks: {path}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>{label} bewahrt Gewichte in anderen Dateien auf, die nichts prüft: {path}.</translation>
    </message>
    <message>
        <source>{low:g} to {high:g}</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>{low:g} bis {high:g}</translation>
    </message>
    <message>
        <source>{meaning} ({limits}; default {value})</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>{meaning} ({limits}; Standard {value})</translation>
    </message>
    <message>
        <source>{microphone} does not open: the recording has no sound.</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>{microphone} lässt sich nicht öffnen: Die Aufnahme hat keinen Ton.</translation>
    </message>
    <message>
        <source>{microphone} does not open: the system&apos;s microphone is recorded.</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>{microphone} lässt sich nicht öffnen: Das Mikrofon des Systems wird aufgenommen.</translation>
    </message>
    <message>
        <source>{names}, in {folder}</source>
        <extracomment>app/ui/flows/capture.py, app/ui/flows/sharing.py</extracomment>
        <translation>{names}, in {folder}</translation>
    </message>
    <message>
        <source>{name} becomes an aligned crop</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{name} wird zu einem ausgerichteten Ausschnitt</translation>
    </message>
    <message>
        <source>{name} cannot be {value}; it needs {needs}.</source>
        <extracomment>app/core/setting.py</extracomment>
        <translation>{name} kann nicht {value} sein; nötig ist: {needs}.</translation>
    </message>
    <message>
        <source>{name} could not be moved to the trash, perhaps because its disk has none. Press Show in folder and delete it there.</source>
        <extracomment>app/ui/dialogs/gallery.py</extracomment>
        <translation>{name} konnte nicht in den Papierkorb verschoben werden, vielleicht hat sein Datenträger keinen. Drücken Sie „Im Ordner zeigen“, und löschen Sie es dort.</translation>
    </message>
    <message>
        <source>{name} does not ship in {wanted}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>{name} wird nicht in {wanted} mitgeliefert.</translation>
    </message>
    <message>
        <source>{name} ended.</source>
        <extracomment>app/pipeline/capture/attempt.py</extracomment>
        <translation>{name} ist zu Ende.</translation>
    </message>
    <message>
        <source>{name} gave no picture for {seconds:g} s.</source>
        <extracomment>app/pipeline/capture/worker.py</extracomment>
        <translation>{name} lieferte {seconds:g} s lang kein Bild.</translation>
    </message>
    <message>
        <source>{name} has Lab colours, which are not read here.</source>
        <extracomment>app/media/pictures/picture_facts.py</extracomment>
        <translation>{name} hat Lab-Farben, die hier nicht gelesen werden.</translation>
    </message>
    <message>
        <source>{name} has pictures of {width}x{height}, more than {limit} megapixels.</source>
        <extracomment>app/media/videos/containers.py</extracomment>
        <translation>{name} hat Bilder mit {width}x{height}, mehr als {limit} Megapixel.</translation>
    </message>
    <message>
        <source>{name} has {width}x{height} pixels of {count} bytes each, more than {limit} megapixels.</source>
        <extracomment>app/media/pictures/picture_size.py</extracomment>
        <translation>{name} hat {width}x{height} Pixel zu je {count} Byte, mehr als {limit} Megapixel.</translation>
    </message>
    <message>
        <source>{name} has {width}x{height} pixels, more than {limit} megapixels.</source>
        <extracomment>app/media/pictures/picture_size.py</extracomment>
        <translation>{name} hat {width}x{height} Pixel, mehr als {limit} Megapixel.</translation>
    </message>
    <message>
        <source>{name} holds {count} pictures, an animation or pages; only the first would be restored.</source>
        <extracomment>app/media/pictures/picture_facts.py</extracomment>
        <translation>{name} enthält {count} Bilder, eine Animation oder Seiten; nur das erste würde wiederhergestellt.</translation>
    </message>
    <message>
        <source>{name} is a picture</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{name} ist ein Bild</translation>
    </message>
    <message>
        <source>{name} is a video</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{name} ist ein Video</translation>
    </message>
    <message>
        <source>{name} is applied once, not {k} times.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>{name} wird einmal angewendet, nicht {k}-mal.</translation>
    </message>
    <message>
        <source>{name} is applied {low} to {high} times, not {k} times.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>{name} wird {low}- bis {high}-mal angewendet, nicht {k}-mal.</translation>
    </message>
    <message>
        <source>{name} is damaged ({error}).</source>
        <extracomment>app/media/pictures/picture_facts.py</extracomment>
        <translation>{name} ist beschädigt ({error}).</translation>
    </message>
    <message>
        <source>{name} is not finished yet.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>{name} ist noch nicht fertig.</translation>
    </message>
    <message>
        <source>{name} is offline since {since}.</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>{name} ist seit {since} offline.</translation>
    </message>
    <message>
        <source>{name} is offline.</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>{name} ist offline.</translation>
    </message>
    <message>
        <source>{name} is open, the first of {count}</source>
        <extracomment>app/ui/flows/choosing.py</extracomment>
        <translation>{name} ist geöffnet, das erste von {count}</translation>
    </message>
    <message>
        <source>{name} repeats one and the same picture.</source>
        <extracomment>app/pipeline/capture/attempt.py</extracomment>
        <translation>{name} wiederholt ein und dasselbe Bild.</translation>
    </message>
    <message>
        <source>{name} takes uint8 crops of {side}x{side}x3, not {dtype} {shape}.</source>
        <extracomment>app/restorers/cycles.py</extracomment>
        <translation>{name} nimmt uint8-Ausschnitte mit {side}x{side}x3, nicht {dtype} {shape}.</translation>
    </message>
    <message>
        <source>{name} takes {low} to {high} cycles, not {k}.</source>
        <extracomment>app/restorers/cycles.py</extracomment>
        <translation>{name} nimmt {low} bis {high} Zyklen, nicht {k}.</translation>
    </message>
    <message>
        <source>{name} would have {width}x{height} pixels, more than {limit} megapixels.</source>
        <extracomment>app/media/pictures/enlarge.py, app/media/pictures/picture_encoding.py</extracomment>
        <translation>{name} hätte {width}x{height} Pixel, mehr als {limit} Megapixel.</translation>
    </message>
    <message>
        <source>{name}, {facts}
Choose another source, or drop one on the picture</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>{name}, {facts}
Wählen Sie eine andere Quelle, oder ziehen Sie eine auf das Bild</translation>
    </message>
    <message>
        <source>{number} of {count}</source>
        <extracomment>app/ui/panel/picture_bar.py</extracomment>
        <translation>{number} von {count}</translation>
    </message>
    <message numerus="yes">
        <source>{n} cycles</source>
        <extracomment>app/ui/preview/scene.py, app/ui/texts/quality.py; for one: {n} cycle</extracomment>
        <translation>
            <numerusform>{n} Zyklus</numerusform>
            <numerusform>{n} Zyklen</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} cycles · already sharp</source>
        <extracomment>app/ui/preview/scene.py; for one: {n} cycle · already sharp</extracomment>
        <translation>
            <numerusform>{n} Zyklus · schon scharf</numerusform>
            <numerusform>{n} Zyklen · schon scharf</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} faces x {cycles} cycles need {need:.0f} ms, {fps:g} fps leave {budget:.0f} ms for them</source>
        <extracomment>app/pipeline/budget.py; for one: 1 face x {cycles} cycles need {need:.0f} ms, {fps:g} fps leave {budget:.0f} ms for them</extracomment>
        <translation>
            <numerusform>1 Gesicht x {cycles} Zyklen braucht {need:.0f} ms, {fps:g} fps lassen dafür {budget:.0f} ms</numerusform>
            <numerusform>{n} Gesichter x {cycles} Zyklen brauchen {need:.0f} ms, {fps:g} fps lassen dafür {budget:.0f} ms</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} files</source>
        <extracomment>app/cli/restore.py; for one: {n} file</extracomment>
        <translation>
            <numerusform>{n} Datei</numerusform>
            <numerusform>{n} Dateien</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} frames</source>
        <extracomment>app/cli/restore.py; for one: {n} frame</extracomment>
        <translation>
            <numerusform>{n} Bild</numerusform>
            <numerusform>{n} Bilder</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} pieces of videos</source>
        <extracomment>app/cli/restore.py; for one: {n} piece of a video</extracomment>
        <translation>
            <numerusform>{n} Teil eines Videos</numerusform>
            <numerusform>{n} Teile von Videos</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} tasks are not done yet, first {key}.</source>
        <extracomment>app/batch/engine.py; for one: {n} task is not done yet: {key}.</extracomment>
        <translation>
            <numerusform>{n} Aufgabe ist noch nicht erledigt: {key}.</numerusform>
            <numerusform>{n} Aufgaben sind noch nicht erledigt, die erste ist {key}.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} threads</source>
        <extracomment>app/ui/texts/engine.py; for one: {n} thread</extracomment>
        <translation>
            <numerusform>{n} Thread</numerusform>
            <numerusform>{n} Threads</numerusform>
        </translation>
    </message>
    <message>
        <source>{option} and {other} cannot be used together</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>{option} und {other} können nicht zusammen verwendet werden</translation>
    </message>
    <message>
        <source>{output} holds the input, and results would lie among the originals.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{output} enthält die Eingabe; die Ergebnisse lägen zwischen den Originalen.</translation>
    </message>
    <message>
        <source>{output} is a file, but a folder of results cannot go into a file.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{output} ist eine Datei, aber ein Ordner mit Ergebnissen passt nicht in eine Datei.</translation>
    </message>
    <message>
        <source>{output} is the input itself.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{output} ist die Eingabe selbst.</translation>
    </message>
    <message>
        <source>{path} cannot be read: {reason}.</source>
        <extracomment>app/batch/jobs/task.py, app/media/files.py, app/media/pictures/picture.py</extracomment>
        <translation>{path} kann nicht gelesen werden: {reason}.</translation>
    </message>
    <message>
        <source>{path} cannot be used: {reason}.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>{path} kann nicht verwendet werden: {reason}.</translation>
    </message>
    <message>
        <source>{path} cannot be written ({reason}).</source>
        <extracomment>app/outputs/sharing/clip.py</extracomment>
        <translation>{path} kann nicht geschrieben werden ({reason}).</translation>
    </message>
    <message>
        <source>{path} cannot be written in this format.</source>
        <extracomment>app/media/pictures/picture_encoding.py</extracomment>
        <translation>{path} kann in diesem Format nicht geschrieben werden.</translation>
    </message>
    <message>
        <source>{path} cannot be written: {reason}.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>{path} kann nicht geschrieben werden: {reason}.</translation>
    </message>
    <message>
        <source>{path} has no pictures in it.</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>{path} enthält keine Bilder.</translation>
    </message>
    <message>
        <source>{path} has no sound.</source>
        <extracomment>app/media/videos/sound_reader.py</extracomment>
        <translation>{path} hat keinen Ton.</translation>
    </message>
    <message>
        <source>{path} has no suffix of a picture format.</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>{path} hat keine Endung eines Bildformats.</translation>
    </message>
    <message>
        <source>{path} holds numbers of the type {dtype}, which no picture here has.</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>{path} enthält Zahlen des Typs {dtype}, den hier kein Bild hat.</translation>
    </message>
    <message>
        <source>{path} is a camera, not a loopback device.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>{path} ist eine Kamera, kein Loopback-Gerät.</translation>
    </message>
    <message>
        <source>{path} is a folder, not a video.</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>{path} ist ein Ordner, kein Video.</translation>
    </message>
    <message>
        <source>{path} is damaged or breaks off after {reached:.1f} s</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>{path} ist beschädigt oder bricht nach {reached:.1f} s ab</translation>
    </message>
    <message>
        <source>{path} is damaged or breaks off after {reached:.1f} s of {whole:.1f} s</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>{path} ist beschädigt oder bricht nach {reached:.1f} s von {whole:.1f} s ab</translation>
    </message>
    <message>
        <source>{path} is damaged or not a picture that can be read.</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>{path} ist beschädigt oder kein lesbares Bild.</translation>
    </message>
    <message>
        <source>{path} is empty.</source>
        <extracomment>app/media/pictures/picture.py, app/media/videos/video_reader.py</extracomment>
        <translation>{path} ist leer.</translation>
    </message>
    <message>
        <source>{path} is no folder, so there is nothing to watch.</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>{path} ist kein Ordner, es gibt also nichts zu überwachen.</translation>
    </message>
    <message>
        <source>{path} is not a picture that can be read.</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>{path} ist kein lesbares Bild.</translation>
    </message>
    <message>
        <source>{path} is not a video device.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>{path} ist kein Videogerät.</translation>
    </message>
    <message>
        <source>{path} is not a video that can be read ({reason}).</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>{path} ist kein lesbares Video ({reason}).</translation>
    </message>
    <message>
        <source>{path} is there already and is no file.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>{path} ist bereits vorhanden und keine Datei.</translation>
    </message>
    <message>
        <source>{path} is there already.</source>
        <extracomment>app/media/files.py, app/media/remote.py</extracomment>
        <translation>{path} ist bereits vorhanden.</translation>
    </message>
    <message>
        <source>{path} keeps {got_width} x {got_height} instead of {width} x {height}.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>{path} behält {got_width} x {got_height} statt {width} x {height}.</translation>
    </message>
    <message>
        <source>{path} may not be read.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>{path} darf nicht gelesen werden.</translation>
    </message>
    <message>
        <source>{path} may not be written.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>{path} darf nicht geschrieben werden.</translation>
    </message>
    <message>
        <source>{place} is a web page, not a stream.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>{place} ist eine Webseite, kein Stream.</translation>
    </message>
    <message>
        <source>{precision} on {threads}.</source>
        <extracomment>app/ui/texts/engine.py</extracomment>
        <translation>{precision} mit {threads}.</translation>
    </message>
    <message>
        <source>{quality} ({cycles})</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>{quality} ({cycles})</translation>
    </message>
    <message>
        <source>{quality}, whatever time it takes.</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>{quality}, egal wie lange es dauert.</translation>
    </message>
    <message>
        <source>{rate:.0f} fps</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>{rate:.0f} fps</translation>
    </message>
    <message>
        <source>{rate} · age {age} · {dropped} dropped</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>{rate} · Alter {age} · {dropped} ausgef.</translation>
    </message>
    <message>
        <source>{reached:.0f} of {given:.0f} frames a second</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>{reached:.0f} von {given:.0f} Bildern pro Sekunde</translation>
    </message>
    <message>
        <source>{reason}, so it cannot be written as {target}.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{reason} und kann daher nicht als {target} geschrieben werden.</translation>
    </message>
    <message>
        <source>{scale} times as large</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>{scale}-mal so groß</translation>
    </message>
    <message>
        <source>{setting}: less</source>
        <extracomment>app/ui/style/widgets.py</extracomment>
        <translation>{setting}: weniger</translation>
    </message>
    <message>
        <source>{setting}: more</source>
        <extracomment>app/ui/style/widgets.py</extracomment>
        <translation>{setting}: mehr</translation>
    </message>
    <message>
        <source>{shown} is neither a file nor an address.</source>
        <extracomment>app/sources/registry.py</extracomment>
        <translation>{shown} ist weder eine Datei noch eine Adresse.</translation>
    </message>
    <message>
        <source>{size:.0f} MB</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>{size:.0f} MB</translation>
    </message>
    <message>
        <source>{size} B</source>
        <extracomment>app/ui/style/formatting.py</extracomment>
        <translation>{size} B</translation>
    </message>
    <message>
        <source>{source} breaks off and has not changed since it was restored up to there.</source>
        <extracomment>app/batch/run.py</extracomment>
        <translation>{source} bricht ab und ist unverändert, seit es bis dorthin restauriert wurde.</translation>
    </message>
    <message>
        <source>{source} changed while it was being restored.</source>
        <extracomment>app/batch/jobs/task.py</extracomment>
        <translation>{source} hat sich während der Wiederherstellung geändert.</translation>
    </message>
    <message>
        <source>{source} has {width}x{height} pixels, but an aligned face crop is square.</source>
        <extracomment>app/batch/worker.py</extracomment>
        <translation>{source} hat {width}x{height} Pixel, ein ausgerichteter Gesichtsausschnitt ist aber quadratisch.</translation>
    </message>
    <message>
        <source>{source} is no picture, and a sheet is made of one.</source>
        <extracomment>app/batch/sheet.py</extracomment>
        <translation>{source} ist kein Bild; ein Vergleichsblatt entsteht aus einem Bild.</translation>
    </message>
    <message>
        <source>{source} is not square, as an aligned face crop is.</source>
        <extracomment>app/batch/sheet.py</extracomment>
        <translation>{source} ist nicht quadratisch, wie es ein ausgerichteter Gesichtsausschnitt ist.</translation>
    </message>
    <message>
        <source>{target} cannot be written ({reason}).</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>{target} kann nicht geschrieben werden ({reason}).</translation>
    </message>
    <message>
        <source>{target} has no suffix of a video.</source>
        <extracomment>app/batch/videos/restore.py</extracomment>
        <translation>{target} hat keine Videoendung.</translation>
    </message>
    <message>
        <source>{target} is the input itself.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{target} ist die Eingabe selbst.</translation>
    </message>
    <message>
        <source>{target} would have {width}x{height} pixels, more than any encoder here takes.</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>{target} hätte {width}x{height} Pixel, mehr als jeder Encoder hier verarbeitet.</translation>
    </message>
    <message>
        <source>{text} has an address kind that is not known: {scheme}.</source>
        <extracomment>app/sources/registry.py</extracomment>
        <translation>{text} hat eine unbekannte Art von Adresse: {scheme}.</translation>
    </message>
    <message>
        <source>{text} is no whole number of at least 1</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>{text} ist keine ganze Zahl ab 1</translation>
    </message>
    <message>
        <source>{text} is not I/N with I from 1 to N, such as 3/16</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>{text} ist nicht I/N mit I von 1 bis N, etwa 3/16</translation>
    </message>
    <message>
        <source>{text} is not an address to serve at.</source>
        <extracomment>app/outputs/stream.py</extracomment>
        <translation>{text} ist keine Adresse für den Stream.</translation>
    </message>
    <message>
        <source>{track} ({codec})</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>{track} ({codec})</translation>
    </message>
    <message>
        <source>{url}, {viewers} of {most} viewers</source>
        <extracomment>app/outputs/stream.py</extracomment>
        <translation>{url}, {viewers} von {most} Zuschauern</translation>
    </message>
    <message>
        <source>{used:.0f} of {most} %</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>{used:.0f} von {most} %</translation>
    </message>
    <message>
        <source>{value:.1f} fps</source>
        <extracomment>app/ui/style/formatting.py</extracomment>
        <translation>{value:.1f} fps</translation>
    </message>
    <message>
        <source>{value} ms</source>
        <extracomment>app/ui/style/formatting.py</extracomment>
        <translation>{value} ms</translation>
    </message>
    <message>
        <source>{what} The recording ended.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>{what} Die Aufnahme wurde beendet.</translation>
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
