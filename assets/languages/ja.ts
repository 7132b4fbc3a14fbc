<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="ja" sourcelanguage="en">
<context>
    <name>CFRNet Live</name>
    <message>
        <source>--cluster needs the package {package}.</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>--cluster にはパッケージ {package} が必要です。</translation>
    </message>
    <message>
        <source>--compare works on files, and {address} is an address.</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>--compare はファイル用ですが、{address} はアドレスです。</translation>
    </message>
    <message>
        <source>--scale enlarges pictures and videos, neither aligned crops nor sheets</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>--scale は画像と動画を拡大します。位置合わせ済みの切り抜きと比較シートには使えません</translation>
    </message>
    <message>
        <source>1 cycle: lowest latency</source>
        <extracomment>app/restorers/families/cfrnet.py</extracomment>
        <translation>1 サイクル: 遅延が最小</translation>
    </message>
    <message>
        <source>1280x720, one moving face at 30 fps; ms a frame, p50 / p95</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>1280x720、30 fps で動く顔 1 つ。1 フレームの ms、p50 / p95</translation>
    </message>
    <message>
        <source>2 cycles: nearest to the true face</source>
        <extracomment>app/restorers/families/cfrnet.py</extracomment>
        <translation>2 サイクル: 本当の顔に最も近い</translation>
    </message>
    <message>
        <source>256x256 face crops, no detection</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>256x256 の顔の切り抜き、検出なし</translation>
    </message>
    <message>
        <source>3 cycles: best looking</source>
        <extracomment>app/restorers/families/cfrnet.py</extracomment>
        <translation>3 サイクル: 見た目が最良</translation>
    </message>
    <message>
        <source>4 cycles</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>4 サイクル</translation>
    </message>
    <message>
        <source>A Snapdragon processor with an NPU; pip install onnxruntime-qnn beside onnxruntime.</source>
        <extracomment>app/restorers/providers.py</extracomment>
        <translation>NPU 付きの Snapdragon プロセッサ。onnxruntime に加えて pip install onnxruntime-qnn。</translation>
    </message>
    <message>
        <source>A camera driver (v4l2loopback on Linux, OBS on Windows and macOS) and, but for Linux, pyvirtualcam</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>カメラドライバー (Linux では v4l2loopback、Windows と macOS では OBS) と、Linux 以外では pyvirtualcam</translation>
    </message>
    <message>
        <source>A comparison needs names of restorers, each once.</source>
        <extracomment>app/batch/sheet.py</extracomment>
        <translation>比較には、重複のないネットワーク名が必要です。</translation>
    </message>
    <message>
        <source>A cycle: {figures}.</source>
        <extracomment>app/ui/texts/engine.py</extracomment>
        <translation>1 サイクル: {figures}。</translation>
    </message>
    <message>
        <source>A frame could not be kept for a clip.</source>
        <extracomment>app/outputs/sharing/clip.py</extracomment>
        <translation>クリップ用のフレームを保持できませんでした。</translation>
    </message>
    <message>
        <source>A free port; a browser, OBS or VLC opens its address</source>
        <extracomment>app/outputs/stream.py</extracomment>
        <translation>空いているポート。ブラウザー、OBS、VLC でアドレスを開けます</translation>
    </message>
    <message>
        <source>A library that this needs cannot be loaded: {error}.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>必要なライブラリを読み込めません: {error}。</translation>
    </message>
    <message>
        <source>A network made for one pass is fed its own output again; drift is how far each pass moves it</source>
        <extracomment>app/ui/panel/cycles.py</extracomment>
        <translation>1 回の処理用のネットワークに自分の出力を再び入力します。ずれは、各回で動く量です</translation>
    </message>
    <message>
        <source>A recording is being started already.</source>
        <extracomment>app/pipeline/live/recording.py</extracomment>
        <translation>録画は既に開始中です。</translation>
    </message>
    <message>
        <source>A recording is running already.</source>
        <extracomment>app/pipeline/live/recording.py</extracomment>
        <translation>録画は既に実行中です。</translation>
    </message>
    <message>
        <source>A worker of the cluster cannot load this application: {error}.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>クラスターのワーカーがこのアプリケーションを読み込めません: {error}。</translation>
    </message>
    <message>
        <source>ALTERED</source>
        <extracomment>app/cli/inspection.py</extracomment>
        <translation>変更あり</translation>
    </message>
    <message>
        <source>About CFRNet Live</source>
        <extracomment>app/ui/dialogs/about.py</extracomment>
        <translation>CFRNet Live について</translation>
    </message>
    <message>
        <source>About and licences…</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>情報とライセンス…</translation>
    </message>
    <message>
        <source>Add yourself to the group video: sudo usermod -aG video $USER, then log in again.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>自分を video グループに追加し (sudo usermod -aG video $USER)、ログインし直してください。</translation>
    </message>
    <message>
        <source>Address of the stream</source>
        <extracomment>app/ui/dialogs/dialogs.py</extracomment>
        <translation>ストリームのアドレス</translation>
    </message>
    <message>
        <source>Advanced</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>詳細</translation>
    </message>
    <message>
        <source>Advanced settings</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>詳細設定</translation>
    </message>
    <message>
        <source>After</source>
        <extracomment>app/outputs/compose.py</extracomment>
        <translation>復元後</translation>
    </message>
    <message>
        <source>All</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>すべて</translation>
    </message>
    <message>
        <source>All files</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>すべてのファイル</translation>
    </message>
    <message>
        <source>An Intel processor or card; pip install onnxruntime-ep-openvino beside onnxruntime.</source>
        <extracomment>app/restorers/providers.py</extracomment>
        <translation>Intel のプロセッサまたはカード。onnxruntime に加えて pip install onnxruntime-ep-openvino。</translation>
    </message>
    <message>
        <source>An NVIDIA card with its driver; pip install &quot;onnxruntime-gpu[cuda,cudnn]&quot; in place of onnxruntime.</source>
        <extracomment>app/restorers/providers.py</extracomment>
        <translation>NVIDIA のカードとドライバー。onnxruntime の代わりに pip install &quot;onnxruntime-gpu[cuda,cudnn]&quot;。</translation>
    </message>
    <message>
        <source>An empty name is no file or folder.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>空の名前はファイルでもフォルダーでもありません。</translation>
    </message>
    <message>
        <source>Another network in place of the original, in the window only; every frame is then restored twice</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>元の画像の代わりに別のネットワークを表示します (ウィンドウのみ)。各フレームを 2 回復元します</translation>
    </message>
    <message>
        <source>Another program writes to it; close that one.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>別のプログラムが書き込んでいます。閉じてください。</translation>
    </message>
    <message>
        <source>Any processor.</source>
        <extracomment>app/restorers/providers.py</extracomment>
        <translation>どのプロセッサでも使えます。</translation>
    </message>
    <message>
        <source>Application</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>アプリケーション</translation>
    </message>
    <message>
        <source>As good as this machine can do in time.</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>このマシンで間に合う範囲の最良の画質です。</translation>
    </message>
    <message>
        <source>As good as this machine can do without dropping frames</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>フレームを落とさずにこのマシンでできる最良の画質</translation>
    </message>
    <message>
        <source>As the source</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>ソースと同じ</translation>
    </message>
    <message>
        <source>Ask for the right to read it.</source>
        <extracomment>app/media/files.py, app/media/pictures/picture.py</extracomment>
        <translation>読み取りの許可を求めてください。</translation>
    </message>
    <message>
        <source>Auto</source>
        <extracomment>app/core/settings.py, app/ui/panel/panel.py, app/ui/texts/quality.py</extracomment>
        <translation>自動</translation>
    </message>
    <message>
        <source>Auto k</source>
        <extracomment>app/core/settings.py, app/ui/preview/overlay_model.py</extracomment>
        <translation>自動 k</translation>
    </message>
    <message>
        <source>Auto k: {k} of {wanted}, there is room again.</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>自動 k: {k}/{wanted}、余裕が戻りました。</translation>
    </message>
    <message>
        <source>Auto k: {k} of {wanted}: {reason}.</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>自動 k: {k}/{wanted}: {reason}。</translation>
    </message>
    <message>
        <source>Auto quality on or off</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>自動画質のオン/オフ</translation>
    </message>
    <message>
        <source>Average what holds still in a moving picture, so that it does not flicker; 0 restores every frame alone</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>動く映像の中で静止している部分を平均し、ちらつきを抑えます。0 では各フレームを単独で復元します</translation>
    </message>
    <message>
        <source>Before</source>
        <extracomment>app/outputs/compose.py</extracomment>
        <translation>復元前</translation>
    </message>
    <message>
        <source>Before and after copied</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>復元前と後をコピーしました</translation>
    </message>
    <message>
        <source>Before and after saved</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>復元前と後を保存しました</translation>
    </message>
    <message>
        <source>Before, then after, with a divider.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>復元前、続いて復元後、分割線付き。</translation>
    </message>
    <message>
        <source>Begin anew with --fresh.</source>
        <extracomment>app/batch/videos/joining.py</extracomment>
        <translation>--fresh で最初からやり直してください。</translation>
    </message>
    <message>
        <source>Best look</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>最良</translation>
    </message>
    <message>
        <source>Best look, 3 cycles</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>最良の見た目、3 サイクル</translation>
    </message>
    <message>
        <source>CPU</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>CPU</translation>
    </message>
    <message>
        <source>Camera</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>カメラ</translation>
    </message>
    <message>
        <source>Camera made bad</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>カメラを劣化中</translation>
    </message>
    <message>
        <source>Camera name, file, folder or stream address; empty for the first camera</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>カメラ名、ファイル、フォルダー、ストリームのアドレス。空なら最初のカメラ</translation>
    </message>
    <message>
        <source>Cancel</source>
        <extracomment>app/ui/dialogs/dialogs.py, app/ui/panel/job_bar.py</extracomment>
        <translation>キャンセル</translation>
    </message>
    <message>
        <source>Captions</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>キャプション</translation>
    </message>
    <message>
        <source>Capture</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>撮影</translation>
    </message>
    <message>
        <source>Check its cable; it is looked for by name.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>ケーブルを確認してください。名前で探します。</translation>
    </message>
    <message>
        <source>Check its name and place.</source>
        <extracomment>app/sources/registry.py</extracomment>
        <translation>名前と場所を確認してください。</translation>
    </message>
    <message>
        <source>Check its name and your rights.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>名前とアクセス権を確認してください。</translation>
    </message>
    <message>
        <source>Check that it is whole.</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>ファイルが完全か確認してください。</translation>
    </message>
    <message>
        <source>Check that the file is whole.</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>ファイルが完全か確認してください。</translation>
    </message>
    <message>
        <source>Check the address and its port.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>アドレスとポートを確認してください。</translation>
    </message>
    <message>
        <source>Check the address, and that the camera is on and in the same network.</source>
        <extracomment>app/sources/mjpeg.py, app/sources/stream.py</extracomment>
        <translation>アドレスと、カメラの電源が入っていて同じネットワークにあることを確認してください。</translation>
    </message>
    <message>
        <source>Check the address, the name and the password.</source>
        <extracomment>app/media/remote.py, app/sources/mjpeg.py</extracomment>
        <translation>アドレス、ユーザー名、パスワードを確認してください。</translation>
    </message>
    <message>
        <source>Check the address.</source>
        <extracomment>app/batch/jobs/plan.py, app/media/remote.py, app/sources/mjpeg.py</extracomment>
        <translation>アドレスを確認してください。</translation>
    </message>
    <message>
        <source>Check the name.</source>
        <extracomment>app/batch/jobs/plan.py, app/media/files.py</extracomment>
        <translation>名前を確認してください。</translation>
    </message>
    <message>
        <source>Check what was written.</source>
        <extracomment>app/sources/registry.py</extracomment>
        <translation>入力内容を確認してください。</translation>
    </message>
    <message>
        <source>Choose a camera, a file, a folder or a stream; or drop one on the picture</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>カメラ、ファイル、フォルダー、ストリームを選ぶか、映像の上にドロップしてください</translation>
    </message>
    <message>
        <source>Choose a folder that every machine sees, or leave --shard and --join out.</source>
        <extracomment>app/batch/engine.py</extracomment>
        <translation>すべてのマシンから見えるフォルダーを選ぶか、--shard と --join を外してください。</translation>
    </message>
    <message>
        <source>Choose a folder that you may write to.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>書き込み可能なフォルダーを選んでください。</translation>
    </message>
    <message>
        <source>Choose a shorter one.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>より短い名前を選んでください。</translation>
    </message>
    <message>
        <source>Choose a smaller --scale, or set CFRNET_LIVE_MAX_MEGAPIXELS to more if there is memory for it.</source>
        <extracomment>app/media/pictures/enlarge.py</extracomment>
        <translation>より小さい --scale を選ぶか、メモリに余裕があれば CFRNET_LIVE_MAX_MEGAPIXELS を増やしてください。</translation>
    </message>
    <message>
        <source>Choose a smaller --scale.</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>より小さい --scale を選んでください。</translation>
    </message>
    <message>
        <source>Choose a smaller view or scale.</source>
        <extracomment>app/media/videos/encoder.py</extracomment>
        <translation>より小さい表示または倍率を選んでください。</translation>
    </message>
    <message>
        <source>Choose a video file.</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>動画ファイルを選んでください。</translation>
    </message>
    <message>
        <source>Choose another --k or another --restorer.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>別の --k か別の --restorer を選んでください。</translation>
    </message>
    <message>
        <source>Choose another address or port.</source>
        <extracomment>app/outputs/stream.py</extracomment>
        <translation>別のアドレスかポートを選んでください。</translation>
    </message>
    <message>
        <source>Choose another device.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>別のデバイスを選んでください。</translation>
    </message>
    <message>
        <source>Choose another folder.</source>
        <extracomment>app/batch/jobs/plan.py, app/outputs/recordings/output.py, app/sources/images.py</extracomment>
        <translation>別のフォルダーを選んでください。</translation>
    </message>
    <message>
        <source>Choose another name, or add --overwrite to replace it.</source>
        <extracomment>app/media/files.py, app/media/remote.py</extracomment>
        <translation>別の名前を選ぶか、--overwrite で置き換えてください。</translation>
    </message>
    <message>
        <source>Choose another name.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>別の名前を選んでください。</translation>
    </message>
    <message>
        <source>Choose another output folder.</source>
        <extracomment>app/batch/jobs/journal.py</extracomment>
        <translation>別の出力フォルダーを選んでください。</translation>
    </message>
    <message>
        <source>Choose another precision: {known}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>別の精度を選んでください: {known}。</translation>
    </message>
    <message>
        <source>Choose another stream.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>別のストリームを選んでください。</translation>
    </message>
    <message>
        <source>Choose how much is done to a face, or press 1 to 4.</source>
        <extracomment>app/ui/flows/first_hints.py</extracomment>
        <translation>顔の処理の度合いを選ぶか、1 から 4 を押してください。</translation>
    </message>
    <message>
        <source>Choose the folder for recordings…</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>録画フォルダーを選ぶ…</translation>
    </message>
    <message>
        <source>Click: all faces</source>
        <extracomment>app/ui/preview/scene.py</extracomment>
        <translation>クリック: すべての顔</translation>
    </message>
    <message>
        <source>Click: this face alone</source>
        <extracomment>app/ui/preview/scene.py</extracomment>
        <translation>クリック: この顔だけ</translation>
    </message>
    <message>
        <source>Clip saved</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>クリップを保存しました</translation>
    </message>
    <message>
        <source>Close</source>
        <extracomment>app/ui/actions.py, app/ui/dialogs/about.py, app/ui/dialogs/dialogs.py, app/ui/dialogs/gallery.py, app/ui/flows/sharing.py</extracomment>
        <translation>閉じる</translation>
    </message>
    <message>
        <source>Close other programs that use it, check the system&apos;s camera permission, or choose another one.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>使用中のほかのプログラムを閉じるか、システムのカメラの許可を確認するか、別のカメラを選んでください。</translation>
    </message>
    <message>
        <source>Close other programs that use it.</source>
        <extracomment>app/pipeline/capture/worker.py</extracomment>
        <translation>使用中のほかのプログラムを閉じてください。</translation>
    </message>
    <message>
        <source>Close the program that uses it, or choose that size.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>使用中のプログラムを閉じるか、そのサイズを選んでください。</translation>
    </message>
    <message>
        <source>Close the window</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>ウィンドウを閉じる</translation>
    </message>
    <message>
        <source>Connect once by hand, and compare the key that is shown with the server&apos;s: {command}</source>
        <extracomment>app/media/sftp.py</extracomment>
        <translation>一度手動で接続し、表示された鍵をサーバーの鍵と照合してください: {command}</translation>
    </message>
    <message>
        <source>Connecting</source>
        <extracomment>app/pipeline/live/session.py</extracomment>
        <translation>接続中</translation>
    </message>
    <message>
        <source>Copy</source>
        <extracomment>app/ui/dialogs/dialogs.py</extracomment>
        <translation>コピー</translation>
    </message>
    <message>
        <source>Copy before and after</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>復元前と後をコピー</translation>
    </message>
    <message>
        <source>Copy diagnostics</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>診断情報をコピー</translation>
    </message>
    <message>
        <source>Cut short when the program ended unexpectedly</source>
        <extracomment>app/ui/flows/capture.py</extracomment>
        <translation>プログラムが予期せず終了したため途中まで</translation>
    </message>
    <message>
        <source>Cycles k</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>サイクル数 k</translation>
    </message>
    <message>
        <source>Dark</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>ダーク</translation>
    </message>
    <message>
        <source>Degrade the source: few pixels, blur, noise and blocks</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>ソースを劣化させます: 低解像度、ぼけ、ノイズ、ブロック</translation>
    </message>
    <message>
        <source>Demo clip</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>デモクリップ</translation>
    </message>
    <message>
        <source>Details are in {log}.</source>
        <extracomment>app/outputs/base.py, app/pipeline/live/inference.py, app/pipeline/live/loader.py</extracomment>
        <translation>詳細は {log} にあります。</translation>
    </message>
    <message>
        <source>Detector size</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>検出器のサイズ</translation>
    </message>
    <message>
        <source>Diagnostics</source>
        <extracomment>app/ui/dialogs/dialogs.py</extracomment>
        <translation>診断</translation>
    </message>
    <message>
        <source>Diagnostics copied</source>
        <extracomment>app/ui/flows/help.py</extracomment>
        <translation>診断情報をコピーしました</translation>
    </message>
    <message>
        <source>Diagnostics…</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>診断…</translation>
    </message>
    <message>
        <source>Dismiss</source>
        <extracomment>app/ui/dialogs/notifications.py</extracomment>
        <translation>閉じる</translation>
    </message>
    <message>
        <source>Drag the divider: before at the left, after at the right.</source>
        <extracomment>app/ui/flows/first_hints.py</extracomment>
        <translation>分割線をドラッグ: 左が復元前、右が復元後です。</translation>
    </message>
    <message>
        <source>Drift of each pass: {steps}</source>
        <extracomment>app/ui/panel/cycles.py</extracomment>
        <translation>各回のずれ: {steps}</translation>
    </message>
    <message>
        <source>Drop to open</source>
        <extracomment>app/ui/preview/preview.py</extracomment>
        <translation>ドロップして開く</translation>
    </message>
    <message>
        <source>Dropped</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>コマ落ち</translation>
    </message>
    <message>
        <source>Each frame restored twice, by {name} too</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>各フレームを {name} でも復元し、2 回処理しています</translation>
    </message>
    <message>
        <source>Edit address…</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>アドレスを編集…</translation>
    </message>
    <message>
        <source>Encoding the recording takes longer than {seconds:g} s.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>録画のエンコードに {seconds:g} 秒以上かかっています。</translation>
    </message>
    <message>
        <source>End a face&apos;s cycles when mean |G(x) - x| falls under this; 0 never stops early</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>|G(x) - x| の平均がこれを下回ると、その顔のサイクルを終えます。0 では途中で終えません</translation>
    </message>
    <message>
        <source>Engine</source>
        <extracomment>app/core/setting.py, app/core/settings.py, app/ui/panel/panel.py</extracomment>
        <translation>エンジン</translation>
    </message>
    <message>
        <source>FP32, reference</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>FP32、基準</translation>
    </message>
    <message>
        <source>Face marks</source>
        <extracomment>app/core/settings.py, app/ui/actions.py</extracomment>
        <translation>顔の枠</translation>
    </message>
    <message>
        <source>Faces</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>顔の数</translation>
    </message>
    <message numerus="yes">
        <source>Faces already sharp</source>
        <extracomment>app/ui/preview/state_text.py; for one: Face already sharp</extracomment>
        <translation>
            <numerusform>顔は既に鮮明です</numerusform>
        </translation>
    </message>
    <message>
        <source>Faithful</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>忠実</translation>
    </message>
    <message>
        <source>Faithful, 2 cycles</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>忠実、2 サイクル</translation>
    </message>
    <message>
        <source>Fast</source>
        <extracomment>app/ui/panel/panel.py, app/ui/texts/quality.py</extracomment>
        <translation>高速</translation>
    </message>
    <message>
        <source>Fast, 1 cycle</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>高速、1 サイクル</translation>
    </message>
    <message>
        <source>Fetch the models folder again, for example with `git checkout -- models`.</source>
        <extracomment>app/restorers/manifest.py</extracomment>
        <translation>`git checkout -- models` などで models フォルダーを取得し直してください。</translation>
    </message>
    <message>
        <source>Fewer than {frames} frames were restored within {seconds:g} s.</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>{seconds:g} 秒以内に復元されたフレームが {frames} 未満でした。</translation>
    </message>
    <message>
        <source>Files are being restored already</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>ファイルは既に復元中です</translation>
    </message>
    <message>
        <source>First camera</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>最初のカメラ</translation>
    </message>
    <message>
        <source>Folder</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>フォルダー</translation>
    </message>
    <message>
        <source>Folder for recordings and snapshots</source>
        <extracomment>app/ui/window.py</extracomment>
        <translation>録画とスナップショットのフォルダー</translation>
    </message>
    <message>
        <source>Folder for the restored pictures</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>復元した画像のフォルダー</translation>
    </message>
    <message>
        <source>Four times</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>4 倍</translation>
    </message>
    <message>
        <source>Frame age</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>フレームの遅れ</translation>
    </message>
    <message>
        <source>Frame rate</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>フレームレート</translation>
    </message>
    <message>
        <source>Frames per second</source>
        <extracomment>app/ui/preview/plot.py</extracomment>
        <translation>1 秒あたりのフレーム数</translation>
    </message>
    <message>
        <source>Free some space on that disk.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>そのディスクの空き容量を増やしてください。</translation>
    </message>
    <message>
        <source>Free some space or choose another folder.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>空き容量を増やすか、別のフォルダーを選んでください。</translation>
    </message>
    <message>
        <source>Free some space or look after the folder, then give the same command again: it goes on from here.</source>
        <extracomment>app/batch/jobs/journal.py</extracomment>
        <translation>空き容量を増やすかフォルダーを確認し、同じコマンドを実行すると、ここから再開します。</translation>
    </message>
    <message>
        <source>Full screen</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>全画面表示</translation>
    </message>
    <message>
        <source>GB</source>
        <extracomment>app/ui/style/formatting.py</extracomment>
        <translation>GB</translation>
    </message>
    <message>
        <source>Gallery</source>
        <extracomment>app/ui/actions.py, app/ui/dialogs/gallery.py</extracomment>
        <translation>ギャラリー</translation>
    </message>
    <message>
        <source>Gallery…</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>ギャラリー…</translation>
    </message>
    <message>
        <source>Get a whole copy of it.</source>
        <extracomment>app/media/pictures/picture_facts.py, app/media/videos/video_reader.py</extracomment>
        <translation>完全なコピーを入手してください。</translation>
    </message>
    <message>
        <source>Give another name: the original is never overwritten.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>別の名前を指定してください。元のファイルは上書きされません。</translation>
    </message>
    <message>
        <source>Give the same command once more.</source>
        <extracomment>app/batch/videos/joining.py</extracomment>
        <translation>同じコマンドをもう一度実行してください。</translation>
    </message>
    <message>
        <source>Got it</source>
        <extracomment>app/ui/dialogs/hints.py</extracomment>
        <translation>OK</translation>
    </message>
    <message>
        <source>HOST:PORT of the stream; 127.0.0.1 is seen by this machine alone</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>ストリームの HOST:PORT。127.0.0.1 はこのマシンからのみ見えます</translation>
    </message>
    <message>
        <source>Hide or show the panel</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>パネルの表示/非表示</translation>
    </message>
    <message>
        <source>Hold for the original</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>押している間は元の画像</translation>
    </message>
    <message>
        <source>How bad</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>劣化の度合い</translation>
    </message>
    <message>
        <source>How many may watch the stream at once</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>同時にストリームを視聴できる人数</translation>
    </message>
    <message>
        <source>How much it is degraded</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>どれだけ劣化させるか</translation>
    </message>
    <message>
        <source>How much of the restored face is blended in</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>復元した顔をどれだけ混ぜるか</translation>
    </message>
    <message>
        <source>How often the network is applied, within what it is made for</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>ネットワークを適用する回数 (対応する範囲内)</translation>
    </message>
    <message>
        <source>INT8 is the fastest on a processor, FP32 the reference; auto takes the fastest that ships</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>INT8 はプロセッサで最速、FP32 は基準。auto は付属の最速のものを使います</translation>
    </message>
    <message>
        <source>INT8, faster</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>INT8、高速</translation>
    </message>
    <message>
        <source>If it is your own camera, say that you trust it: add #insecure to its address, or --insecure.</source>
        <extracomment>app/sources/tls.py</extracomment>
        <translation>自分のカメラであれば、信頼することを示してください: アドレスに #insecure を付けるか、--insecure を指定します。</translation>
    </message>
    <message>
        <source>In / out</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>入力/出力</translation>
    </message>
    <message>
        <source>Install OBS 30 or newer from obsproject.com, press Start Virtual Camera in it once, then close it.</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>obsproject.com から OBS 30 以降をインストールし、仮想カメラを一度開始してから閉じてください。</translation>
    </message>
    <message>
        <source>Install OBS from obsproject.com, which brings the device; Unity Capture works as well.</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>obsproject.com から、デバイスが付属する OBS をインストールしてください。Unity Capture も使えます。</translation>
    </message>
    <message>
        <source>Install it beside this application.</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>このアプリケーションと一緒にインストールしてください。</translation>
    </message>
    <message>
        <source>Install it: pip install fsspec s3fs paramiko</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>インストールしてください: pip install fsspec s3fs paramiko</translation>
    </message>
    <message>
        <source>Install it: pip install -r requirements-cluster.txt</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>インストールしてください: pip install -r requirements-cluster.txt</translation>
    </message>
    <message>
        <source>Already there and kept: {kept} of {all} files</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>既にあるため残しました: {all} 個中 {kept} 個のファイル</translation>
    </message>
    <message>
        <source>Check how it is written.</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>書き方を確認してください。</translation>
    </message>
    <message>
        <source>Choose an empty folder to restore them again.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>もう一度復元するには、空のフォルダーを選んでください。</translation>
    </message>
    <message>
        <source>Go on</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>続ける</translation>
    </message>
    <message>
        <source>Install it: pip install pyvirtualcam. Then restart.</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>インストールしてから再起動してください: pip install pyvirtualcam</translation>
    </message>
    <message>
        <source>Install the same version on every machine; docs/archives.md says how.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>すべてのマシンに同じバージョンをインストールしてください。手順は docs/archives.md にあります。</translation>
    </message>
    <message>
        <source>Install the same version.</source>
        <extracomment>app/batch/executors/dask_worker.py</extracomment>
        <translation>同じバージョンをインストールしてください。</translation>
    </message>
    <message>
        <source>Install the same.</source>
        <extracomment>app/batch/executors/dask_worker.py</extracomment>
        <translation>同じバージョンをインストールしてください。</translation>
    </message>
    <message>
        <source>It comes closer to the true face, at about {fps:.0f} frames a second with {k} cycles.</source>
        <extracomment>app/ui/flows/offer.py</extracomment>
        <translation>本当の顔により近くなります。{k} サイクルで毎秒約 {fps:.0f} フレームです。</translation>
    </message>
    <message>
        <source>It goes on; keep the application open until {names} is in {folder}.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>処理は続いています。{names} が {folder} にできるまで、アプリケーションを開いたままにしてください。</translation>
    </message>
    <message>
        <source>It has no name yet; the next start of the program completes it.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>まだ名前がありません。次にプログラムを起動したときに完成します。</translation>
    </message>
    <message>
        <source>It has no sound</source>
        <extracomment>app/ui/texts/sound.py</extracomment>
        <translation>音声がありません</translation>
    </message>
    <message>
        <source>It is connected again by name.</source>
        <extracomment>app/pipeline/capture/attempt.py, app/pipeline/capture/worker.py</extracomment>
        <translation>名前で再接続します。</translation>
    </message>
    <message>
        <source>It is no MJPEG stream.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>MJPEG ストリームではありません。</translation>
    </message>
    <message>
        <source>It is tried again.</source>
        <extracomment>app/outputs/virtual_camera.py, app/pipeline/capture/attempt.py, app/sources/mjpeg.py, app/sources/stream.py</extracomment>
        <translation>再試行します。</translation>
    </message>
    <message>
        <source>It may have run out of memory: try fewer --workers.</source>
        <extracomment>app/batch/executors/processes.py</extracomment>
        <translation>メモリ不足の可能性があります。--workers を減らしてください。</translation>
    </message>
    <message>
        <source>It was cancelled.</source>
        <extracomment>app/outputs/sharing/clip.py</extracomment>
        <translation>キャンセルされました。</translation>
    </message>
    <message>
        <source>Its address</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>アドレス</translation>
    </message>
    <message>
        <source>Its driver was unloaded; it is tried again.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>ドライバーが外されました。再試行します。</translation>
    </message>
    <message>
        <source>Its first {seconds:.1f} s are in {kept}.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>最初の {seconds:.1f} 秒は {kept} にあります。</translation>
    </message>
    <message>
        <source>Its rate</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>フレームレート</translation>
    </message>
    <message>
        <source>Its size</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>サイズ</translation>
    </message>
    <message>
        <source>Keyboard shortcuts</source>
        <extracomment>app/ui/actions.py, app/ui/dialogs/dialogs.py, app/ui/panel/panel.py</extracomment>
        <translation>キーボードショートカット</translation>
    </message>
    <message>
        <source>Language</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>言語</translation>
    </message>
    <message>
        <source>Language of the window and of messages; system follows the operating system</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>ウィンドウとメッセージの言語。system は OS に従います</translation>
    </message>
    <message>
        <source>Largest face at twice its size</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>最大の顔を 2 倍で表示</translation>
    </message>
    <message>
        <source>Latency card</source>
        <extracomment>app/core/settings.py, app/ui/actions.py</extracomment>
        <translation>遅延の内訳</translation>
    </message>
    <message>
        <source>Leave --aligned out to have the face found.</source>
        <extracomment>app/batch/worker.py</extracomment>
        <translation>--aligned を外すと顔を検出します。</translation>
    </message>
    <message>
        <source>Leave --aligned out.</source>
        <extracomment>app/batch/sheet.py</extracomment>
        <translation>--aligned を外してください。</translation>
    </message>
    <message>
        <source>Leave --watch out.</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>--watch を外してください。</translation>
    </message>
    <message>
        <source>Left half</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>左半分</translation>
    </message>
    <message>
        <source>Let idle engine threads keep their core: a little faster alone, much slower beside other work</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>待機中のエンジンスレッドがコアを保持します。単独では少し速く、ほかの作業と並ぶと大幅に遅くなります</translation>
    </message>
    <message>
        <source>Let the name end in {known}.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>名前の末尾を {known} にしてください。</translation>
    </message>
    <message>
        <source>Let the picture run for some seconds.</source>
        <extracomment>app/outputs/sharing/clip.py</extracomment>
        <translation>映像を数秒間流してください。</translation>
    </message>
    <message>
        <source>Level of the microphone</source>
        <extracomment>app/ui/panel/sound_row.py</extracomment>
        <translation>マイクのレベル</translation>
    </message>
    <message>
        <source>Licences</source>
        <extracomment>app/ui/dialogs/about.py</extracomment>
        <translation>ライセンス</translation>
    </message>
    <message>
        <source>Light</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>ライト</translation>
    </message>
    <message>
        <source>Light, dark or the system&apos;s</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>ライト、ダーク、またはシステムに従う</translation>
    </message>
    <message>
        <source>Live plot</source>
        <extracomment>app/core/settings.py, app/ui/actions.py</extracomment>
        <translation>ライブグラフ</translation>
    </message>
    <message>
        <source>Live plot of the last minute</source>
        <extracomment>app/ui/preview/plot.py</extracomment>
        <translation>直近 1 分間のライブグラフ</translation>
    </message>
    <message>
        <source>Loading the network…</source>
        <extracomment>app/ui/flows/live_state.py, app/ui/preview/state_text.py</extracomment>
        <translation>ネットワークを読み込んでいます…</translation>
    </message>
    <message>
        <source>Longer side of the picture that the detector receives</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>検出器に渡す画像の長辺</translation>
    </message>
    <message>
        <source>Look for cameras again</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>カメラを再検索</translation>
    </message>
    <message>
        <source>Look in the camera&apos;s manual for its stream address.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>カメラの説明書でストリームのアドレスを確認してください。</translation>
    </message>
    <message>
        <source>Looking for cameras…</source>
        <extracomment>app/ui/panel/source_menu.py</extracomment>
        <translation>カメラを検索しています…</translation>
    </message>
    <message>
        <source>Loupe at the pointer, before and after</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>ポインター位置の拡大鏡、復元前と後</translation>
    </message>
    <message>
        <source>Lower k before frames are dropped</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>フレームが落ちる前に k を下げます</translation>
    </message>
    <message>
        <source>MB</source>
        <extracomment>app/ui/style/formatting.py</extracomment>
        <translation>MB</translation>
    </message>
    <message>
        <source>MISSING</source>
        <extracomment>app/cli/inspection.py</extracomment>
        <translation>なし</translation>
    </message>
    <message>
        <source>MIT licence; an installer as a whole: GPL version 3, as it contains x264</source>
        <extracomment>app/ui/dialogs/about.py</extracomment>
        <translation>MIT ライセンス。インストーラー全体は x264 を含むため GPL バージョン 3</translation>
    </message>
    <message>
        <source>MJPEG over HTTP, or RTSP, such as a network camera or a phone&apos;s camera app gives.</source>
        <extracomment>app/ui/dialogs/dialogs.py</extracomment>
        <translation>HTTP の MJPEG または RTSP。ネットワークカメラやスマートフォンのカメラアプリなどが提供します。</translation>
    </message>
    <message>
        <source>Made bad</source>
        <extracomment>app/outputs/compose.py, app/ui/preview/state_text.py</extracomment>
        <translation>劣化</translation>
    </message>
    <message>
        <source>Make it first or choose another one.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>先に作成するか、別のフォルダーを選んでください。</translation>
    </message>
    <message>
        <source>Make it smaller, or set CFRNET_LIVE_MAX_MEGAPIXELS to more if there is memory for it.</source>
        <extracomment>app/media/pictures/picture_size.py</extracomment>
        <translation>小さくするか、メモリに余裕があれば CFRNET_LIVE_MAX_MEGAPIXELS を増やしてください。</translation>
    </message>
    <message>
        <source>Make it smaller, save it with fewer bits, or set CFRNET_LIVE_MAX_MEGAPIXELS to more.</source>
        <extracomment>app/media/pictures/picture_size.py</extracomment>
        <translation>小さくするか、少ないビット数で保存するか、メモリに余裕があれば CFRNET_LIVE_MAX_MEGAPIXELS を増やしてください。</translation>
    </message>
    <message>
        <source>Make it smaller.</source>
        <extracomment>app/media/videos/containers.py</extracomment>
        <translation>小さくしてください。</translation>
    </message>
    <message>
        <source>Make my camera bad</source>
        <extracomment>app/core/settings.py, app/ui/actions.py</extracomment>
        <translation>カメラを劣化させる</translation>
    </message>
    <message>
        <source>Make one: sudo modprobe v4l2loopback exclusive_caps=1 card_label=&apos;CFRNet Live&apos; (package v4l2loopback-dkms; Chrome needs exclusive_caps=1).</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>作成してください: sudo modprobe v4l2loopback exclusive_caps=1 card_label=&apos;CFRNet Live&apos; (パッケージ v4l2loopback-dkms。Chrome には exclusive_caps=1 が必要です)。</translation>
    </message>
    <message>
        <source>Making a clip of the last seconds…</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>直近の数秒のクリップを作成しています…</translation>
    </message>
    <message>
        <source>Measuring a cycle of {name}</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>{name} の 1 サイクルを測定しています</translation>
    </message>
    <message>
        <source>Measuring a moving face at k = {k}</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>k = {k} で動く顔を測定しています</translation>
    </message>
    <message>
        <source>Measuring this machine for about half a minute; close what else it does.</source>
        <extracomment>app/cli/inspection.py</extracomment>
        <translation>このマシンを約 30 秒間測定します。ほかのプログラムを閉じてください。</translation>
    </message>
    <message>
        <source>Measuring {name} on every provider</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>{name} を各プロバイダーで測定しています</translation>
    </message>
    <message>
        <source>Memory</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>メモリ</translation>
    </message>
    <message>
        <source>Messages</source>
        <extracomment>app/ui/dialogs/notifications.py</extracomment>
        <translation>メッセージ</translation>
    </message>
    <message>
        <source>Microphone</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>マイク</translation>
    </message>
    <message>
        <source>Microphone by name; empty for the system&apos;s default</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>マイクの名前。空ならシステムの既定</translation>
    </message>
    <message>
        <source>Milliseconds, last minute</source>
        <extracomment>app/ui/preview/plot.py</extracomment>
        <translation>ミリ秒、直近 1 分間</translation>
    </message>
    <message>
        <source>Mirror</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>鏡像</translation>
    </message>
    <message>
        <source>Mirror recordings</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>録画も鏡像にする</translation>
    </message>
    <message>
        <source>Mirror the camera</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>カメラを鏡像にする</translation>
    </message>
    <message>
        <source>More</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>その他</translation>
    </message>
    <message>
        <source>Move the divider (picture focused)</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>分割線を移動 (映像にフォーカス)</translation>
    </message>
    <message>
        <source>Move to trash</source>
        <extracomment>app/ui/dialogs/gallery.py</extracomment>
        <translation>ごみ箱に移動</translation>
    </message>
    <message>
        <source>Moving face</source>
        <extracomment>app/pipeline/measuring/scene.py</extracomment>
        <translation>動く顔</translation>
    </message>
    <message>
        <source>Mute the video</source>
        <extracomment>app/ui/panel/transport.py</extracomment>
        <translation>動画をミュート</translation>
    </message>
    <message>
        <source>Name a folder beside the input.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>入力と同じ階層のフォルダーを指定してください。</translation>
    </message>
    <message>
        <source>Name a folder.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>フォルダーを指定してください。</translation>
    </message>
    <message>
        <source>Name a picture.</source>
        <extracomment>app/batch/sheet.py</extracomment>
        <translation>画像を指定してください。</translation>
    </message>
    <message>
        <source>Name another address: originals are never overwritten.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>別のアドレスを指定してください。元のファイルは決して上書きされません。</translation>
    </message>
    <message>
        <source>Name another folder: originals are never overwritten.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>別のフォルダーを指定してください。元のファイルは上書きされません。</translation>
    </message>
    <message>
        <source>Name both; a dot is the current folder.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>両方を指定してください。ピリオドは現在のフォルダーです。</translation>
    </message>
    <message>
        <source>Name that address itself.</source>
        <extracomment>app/sources/mjpeg.py, app/sources/rtsp.py</extracomment>
        <translation>そのアドレスを直接指定してください。</translation>
    </message>
    <message>
        <source>Needs: {needs}</source>
        <extracomment>app/ui/panel/outputs.py</extracomment>
        <translation>必要なもの: {needs}</translation>
    </message>
    <message>
        <source>Network stream</source>
        <extracomment>app/outputs/stream.py, app/sources/stream.py</extracomment>
        <translation>ネットワークストリーム</translation>
    </message>
    <message>
        <source>Next</source>
        <extracomment>app/ui/panel/picture_bar.py</extracomment>
        <translation>次へ</translation>
    </message>
    <message>
        <source>Next picture of the folder</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>フォルダー内の次の画像</translation>
    </message>
    <message>
        <source>Next view</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>次の表示</translation>
    </message>
    <message>
        <source>No camera found</source>
        <extracomment>app/ui/panel/source_menu.py</extracomment>
        <translation>カメラが見つかりません</translation>
    </message>
    <message>
        <source>No camera was found.</source>
        <extracomment>app/sources/camera.py, app/ui/texts/source.py</extracomment>
        <translation>カメラが見つかりません。</translation>
    </message>
    <message>
        <source>No camera, so the demo clip is playing</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>カメラがないため、デモクリップを再生しています</translation>
    </message>
    <message>
        <source>No encoder for {width}x{height} works here.</source>
        <extracomment>app/media/videos/encoder.py</extracomment>
        <translation>{width}x{height} 用のエンコーダーがここでは動きません。</translation>
    </message>
    <message>
        <source>No face found</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>顔が見つかりません</translation>
    </message>
    <message>
        <source>No face to restore</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>復元する顔がありません</translation>
    </message>
    <message>
        <source>No face was restored within {seconds:g} s.</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>{seconds:g} 秒以内に顔が復元されませんでした。</translation>
    </message>
    <message>
        <source>No microphone</source>
        <extracomment>app/ui/texts/sound.py</extracomment>
        <translation>マイクなし</translation>
    </message>
    <message>
        <source>No scheduler answers at {address}.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>{address} でスケジューラーが応答しません。</translation>
    </message>
    <message>
        <source>No sound</source>
        <extracomment>app/ui/texts/sound.py</extracomment>
        <translation>音声なし</translation>
    </message>
    <message>
        <source>No source</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>ソースなし</translation>
    </message>
    <message>
        <source>No {kind} is named in {path}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>{path} に {kind} の記載がありません。</translation>
    </message>
    <message>
        <source>Nodes: {nodes}.</source>
        <extracomment>app/ui/texts/engine.py</extracomment>
        <translation>ノード: {nodes}。</translation>
    </message>
    <message>
        <source>Not one of the {count} pictures in {path} can be read.</source>
        <extracomment>app/sources/images.py</extracomment>
        <translation>{path} の {count} 枚の画像を 1 枚も読み取れません。</translation>
    </message>
    <message>
        <source>Not one picture of {path} can be decoded.</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>{path} のフレームを 1 つもデコードできません。</translation>
    </message>
    <message>
        <source>Nothing of it could be kept.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>何も残せませんでした。</translation>
    </message>
    <message>
        <source>Nothing was recorded yet.</source>
        <extracomment>app/ui/dialogs/gallery.py</extracomment>
        <translation>まだ何も録画していません。</translation>
    </message>
    <message>
        <source>Now {quality}.</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>現在: {quality}。</translation>
    </message>
    <message>
        <source>Now {quality}: there is time for it.</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>現在: {quality}。時間に余裕があります。</translation>
    </message>
    <message>
        <source>Now {quality}: {reason}.</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>現在: {quality}。{reason}。</translation>
    </message>
    <message>
        <source>ONNX Runtime used {provider} instead</source>
        <extracomment>app/restorers/contest.py</extracomment>
        <translation>ONNX Runtime は代わりに {provider} を使いました</translation>
    </message>
    <message>
        <source>Of recordings and saved files; larger ones keep small faces finer. A live recording falls back to a smaller size where this machine is too slow</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>録画と保存ファイルの大きさ。大きいほど小さな顔が細かくなります。このマシンでは遅すぎる場合、ライブ録画は小さくなります</translation>
    </message>
    <message>
        <source>Offline</source>
        <extracomment>app/pipeline/live/session.py</extracomment>
        <translation>オフライン</translation>
    </message>
    <message>
        <source>One cycle: the least delay</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>1 サイクル: 遅延が最小</translation>
    </message>
    <message>
        <source>One face alone, the next one, all again</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>1 つの顔だけ、次の顔、すべてに戻す</translation>
    </message>
    <message>
        <source>Open</source>
        <extracomment>app/ui/dialogs/dialogs.py</extracomment>
        <translation>開く</translation>
    </message>
    <message>
        <source>Open a file</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>ファイルを開く</translation>
    </message>
    <message>
        <source>Open a file…</source>
        <extracomment>app/ui/actions.py, app/ui/texts/source.py</extracomment>
        <translation>ファイルを開く…</translation>
    </message>
    <message>
        <source>Open a folder</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>フォルダーを開く</translation>
    </message>
    <message>
        <source>Open a folder of pictures</source>
        <extracomment>app/ui/flows/choosing.py</extracomment>
        <translation>画像フォルダーを開く</translation>
    </message>
    <message>
        <source>Open a folder of pictures…</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>画像フォルダーを開く…</translation>
    </message>
    <message>
        <source>Open a source first.</source>
        <extracomment>app/pipeline/live/recording.py, app/pipeline/live/session.py</extracomment>
        <translation>先にソースを開いてください。</translation>
    </message>
    <message>
        <source>Open a stream</source>
        <extracomment>app/ui/actions.py, app/ui/dialogs/dialogs.py</extracomment>
        <translation>ストリームを開く</translation>
    </message>
    <message>
        <source>Open a stream…</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>ストリームを開く…</translation>
    </message>
    <message>
        <source>Open a video or a picture</source>
        <extracomment>app/ui/flows/choosing.py</extracomment>
        <translation>動画または画像を開く</translation>
    </message>
    <message>
        <source>Open a video, a picture or a folder; a camera is recorded with R.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>動画、画像、フォルダーを開いてください。カメラは R で録画します。</translation>
    </message>
    <message>
        <source>Open folder</source>
        <extracomment>app/ui/flows/capture.py, app/ui/flows/sharing.py</extracomment>
        <translation>フォルダーを開く</translation>
    </message>
    <message>
        <source>Open it in the window and record it: python main.py --source ADDRESS</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>ウィンドウで開いて録画してください: python main.py --source ADDRESS</translation>
    </message>
    <message>
        <source>Open log&apos;s folder</source>
        <extracomment>app/ui/flows/help.py</extracomment>
        <translation>ログのフォルダーを開く</translation>
    </message>
    <message>
        <source>Open the folder for recordings</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>録画フォルダーを開く</translation>
    </message>
    <message>
        <source>Open the log&apos;s folder</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>ログのフォルダーを開く</translation>
    </message>
    <message>
        <source>Opening the first camera…</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>最初のカメラを開いています…</translation>
    </message>
    <message>
        <source>Opening {name}…</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>{name} を開いています…</translation>
    </message>
    <message>
        <source>Opening…</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>開いています…</translation>
    </message>
    <message>
        <source>Opens the window. Settings given here hold this time; the others are as they were left.</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>ウィンドウを開きます。ここで指定した設定は今回だけ有効で、ほかは前回のままです。</translation>
    </message>
    <message>
        <source>Opens {address}</source>
        <extracomment>app/ui/dialogs/dialogs.py</extracomment>
        <translation>{address} を開きます</translation>
    </message>
    <message>
        <source>Original</source>
        <extracomment>app/batch/sheet.py, app/core/settings.py, app/outputs/compose.py, app/ui/panel/panel.py, app/ui/preview/state_text.py</extracomment>
        <translation>元の画像</translation>
    </message>
    <message>
        <source>Original only</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>元の画像のみ</translation>
    </message>
    <message>
        <source>Others see</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>相手への表示</translation>
    </message>
    <message>
        <source>Output size</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>出力サイズ</translation>
    </message>
    <message>
        <source>Outputs</source>
        <extracomment>app/ui/panel/outputs.py</extracomment>
        <translation>出力</translation>
    </message>
    <message>
        <source>Passes</source>
        <extracomment>app/ui/panel/cycles.py</extracomment>
        <translation>処理回数</translation>
    </message>
    <message>
        <source>Paste the picture where you like.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>画像を好きな場所に貼り付けてください。</translation>
    </message>
    <message>
        <source>Paste them where you report the problem.</source>
        <extracomment>app/ui/flows/help.py</extracomment>
        <translation>問題を報告する場所に貼り付けてください。</translation>
    </message>
    <message>
        <source>Pause</source>
        <extracomment>app/ui/panel/transport.py</extracomment>
        <translation>一時停止</translation>
    </message>
    <message>
        <source>Pause, continue (picture focused)</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>一時停止、再開 (映像にフォーカス)</translation>
    </message>
    <message>
        <source>Paused</source>
        <extracomment>app/pipeline/live/session.py</extracomment>
        <translation>一時停止中</translation>
    </message>
    <message>
        <source>Paused. Press Space to go on</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>一時停止中。スペースキーで再開</translation>
    </message>
    <message>
        <source>Picture before</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>前の画像</translation>
    </message>
    <message>
        <source>Picture, before and after</source>
        <extracomment>app/ui/preview/preview.py</extracomment>
        <translation>映像、復元前と後</translation>
    </message>
    <message>
        <source>Pictures</source>
        <extracomment>app/sources/images.py, app/ui/texts/source.py</extracomment>
        <translation>画像</translation>
    </message>
    <message>
        <source>Pictures per second of the virtual camera</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>仮想カメラの 1 秒あたりの画像数</translation>
    </message>
    <message>
        <source>Place in the video</source>
        <extracomment>app/ui/panel/transport.py</extracomment>
        <translation>動画の位置</translation>
    </message>
    <message>
        <source>Play</source>
        <extracomment>app/ui/dialogs/gallery.py, app/ui/panel/transport.py</extracomment>
        <translation>再生</translation>
    </message>
    <message>
        <source>Play sound</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>音声を再生</translation>
    </message>
    <message>
        <source>Play the demo clip</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>デモクリップを再生</translation>
    </message>
    <message>
        <source>Play the sound of a video</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>動画の音声を再生します</translation>
    </message>
    <message>
        <source>Play the video&apos;s sound</source>
        <extracomment>app/ui/panel/transport.py</extracomment>
        <translation>動画の音声を再生</translation>
    </message>
    <message>
        <source>Plot the last minute under the picture</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>直近 1 分間のグラフを映像の下に表示します</translation>
    </message>
    <message>
        <source>Plug it in or choose one of: {known}.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>接続するか、次から選んでください: {known}。</translation>
    </message>
    <message>
        <source>Plug one in and press F5, or open a file or a stream.</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>カメラを接続して F5 を押すか、ファイルまたはストリームを開いてください。</translation>
    </message>
    <message>
        <source>Plug one in, or choose a file or a stream.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>カメラを接続するか、ファイルまたはストリームを選んでください。</translation>
    </message>
    <message>
        <source>Position of the divider</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>分割線の位置</translation>
    </message>
    <message>
        <source>Precision</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>精度</translation>
    </message>
    <message>
        <source>Previous</source>
        <extracomment>app/ui/panel/picture_bar.py</extracomment>
        <translation>前へ</translation>
    </message>
    <message>
        <source>Program</source>
        <extracomment>app/ui/dialogs/about.py</extracomment>
        <translation>プログラム</translation>
    </message>
    <message>
        <source>Progress</source>
        <extracomment>app/ui/panel/job_bar.py</extracomment>
        <translation>進行状況</translation>
    </message>
    <message>
        <source>Quality</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>画質</translation>
    </message>
    <message>
        <source>R records, S takes a picture.</source>
        <extracomment>app/ui/flows/first_hints.py</extracomment>
        <translation>R で録画、S で撮影します。</translation>
    </message>
    <message>
        <source>Recent</source>
        <extracomment>app/ui/panel/source_menu.py</extracomment>
        <translation>最近使用したもの</translation>
    </message>
    <message>
        <source>Record</source>
        <extracomment>app/ui/panel/panel.py, app/ui/texts/sound.py</extracomment>
        <translation>録画</translation>
    </message>
    <message>
        <source>Record a video</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>動画を録画</translation>
    </message>
    <message>
        <source>Record and save the mirrored picture too</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>鏡像を録画と保存にも使います</translation>
    </message>
    <message>
        <source>Record the video&apos;s own sound, or the microphone beside a camera</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>動画自体の音声を、カメラの場合はマイクを録音します</translation>
    </message>
    <message>
        <source>Record, no sound</source>
        <extracomment>app/ui/texts/sound.py</extracomment>
        <translation>録画、音声なし</translation>
    </message>
    <message>
        <source>Record, stop</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>録画、停止</translation>
    </message>
    <message>
        <source>Recording</source>
        <extracomment>app/core/setting.py, app/core/settings.py, app/outputs/recordings/output.py</extracomment>
        <translation>録画</translation>
    </message>
    <message>
        <source>Recording failed: {error}.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>録画に失敗しました: {error}。</translation>
    </message>
    <message>
        <source>Recording {duration}</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>録画中 {duration}</translation>
    </message>
    <message>
        <source>Recording {size}: {wanted} times is too slow here. Save restored… has time for it.</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>{size}で録画: {wanted} 倍はここでは遅すぎます。「復元結果を保存…」なら時間をかけられます。</translation>
    </message>
    <message>
        <source>Recordings and pictures</source>
        <extracomment>app/ui/dialogs/gallery.py</extracomment>
        <translation>録画と画像</translation>
    </message>
    <message>
        <source>Requested from the camera</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>カメラに要求します</translation>
    </message>
    <message>
        <source>Requested from the camera; the window shows what it delivers</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>カメラに要求します。実際の値はウィンドウに表示されます</translation>
    </message>
    <message>
        <source>Reset all settings</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>すべての設定をリセット</translation>
    </message>
    <message>
        <source>Resolution</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>解像度</translation>
    </message>
    <message>
        <source>Restoration</source>
        <extracomment>app/core/setting.py, app/ui/actions.py</extracomment>
        <translation>復元</translation>
    </message>
    <message>
        <source>Restore it again when nothing writes to it.</source>
        <extracomment>app/batch/jobs/task.py</extracomment>
        <translation>書き込みが終わってから、もう一度復元してください。</translation>
    </message>
    <message>
        <source>Restore it again with --fresh.</source>
        <extracomment>app/batch/videos/joining.py</extracomment>
        <translation>--fresh でもう一度復元してください。</translation>
    </message>
    <message>
        <source>Restore the largest N faces; 0 restores all</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>大きい順に N 個の顔を復元します。0 ではすべて</translation>
    </message>
    <message>
        <source>Restore the whole file</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>ファイル全体を復元</translation>
    </message>
    <message>
        <source>Restore without it, or copy the file here first.</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>このオプションなしで復元するか、先にファイルをこのマシンにコピーしてください。</translation>
    </message>
    <message>
        <source>Restored</source>
        <extracomment>app/core/settings.py, app/outputs/compose.py, app/ui/preview/state_text.py</extracomment>
        <translation>復元後</translation>
    </message>
    <message>
        <source>Restored and saved</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>復元して保存しました</translation>
    </message>
    <message>
        <source>Restored only</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>復元後のみ</translation>
    </message>
    <message>
        <source>Restorer</source>
        <extracomment>app/core/settings.py, app/ui/panel/panel.py</extracomment>
        <translation>復元ネットワーク</translation>
    </message>
    <message>
        <source>Restorers are: {known}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>使用できるネットワーク: {known}。</translation>
    </message>
    <message>
        <source>Restores every face in a picture, a video (every frame and the sound are kept) or a folder of both
(names and subfolders are kept). Outside the faces nothing changes. The input is never overwritten.</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>画像、動画 (全フレームと音声を保持)、またはその両方を含むフォルダー (名前とサブフォルダーを保持) の
すべての顔を復元します。顔以外は変わりません。入力は上書きされません。</translation>
    </message>
    <message>
        <source>Restores faces live, with a network that is applied k times (arXiv 2606.06850).</source>
        <extracomment>app/ui/dialogs/about.py</extracomment>
        <translation>k 回適用するネットワークで顔をリアルタイムに復元します (arXiv 2606.06850)。</translation>
    </message>
    <message>
        <source>Restores faces live, with a small network applied k times. No command opens the window.</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>k 回適用する小さなネットワークで顔をリアルタイムに復元します。コマンドなしではウィンドウを開きます。</translation>
    </message>
    <message>
        <source>Restoring failed: {error}.</source>
        <extracomment>app/batch/background.py, app/pipeline/live/inference.py</extracomment>
        <translation>復元に失敗しました: {error}。</translation>
    </message>
    <message>
        <source>Restoring was cancelled</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>復元をキャンセルしました</translation>
    </message>
    <message>
        <source>Restoring {name}</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>{name} を復元しています</translation>
    </message>
    <message>
        <source>Retry</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>再試行</translation>
    </message>
    <message>
        <source>Room on the disk</source>
        <extracomment>app/outputs/recordings/output.py</extracomment>
        <translation>ディスクの空き容量</translation>
    </message>
    <message>
        <source>Run the shards that are missing, or leave --join out to do the rest here.</source>
        <extracomment>app/batch/engine.py</extracomment>
        <translation>足りないシャードを実行するか、--join を外して残りをここで処理してください。</translation>
    </message>
    <message>
        <source>Same as the system</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>システムに従う</translation>
    </message>
    <message>
        <source>Save before and after in one picture</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>復元前と後を 1 枚の画像に保存</translation>
    </message>
    <message>
        <source>Save it as RGB.</source>
        <extracomment>app/media/pictures/picture_facts.py</extracomment>
        <translation>RGB で保存してください。</translation>
    </message>
    <message>
        <source>Save it as one file, for example with `onnx.save_model(model, path)`, and describe it anew.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>`onnx.save_model(model, path)` などで 1 つのファイルに保存し、記述し直してください。</translation>
    </message>
    <message>
        <source>Save it with 8 or 16 bits.</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>8 または 16 ビットで保存してください。</translation>
    </message>
    <message>
        <source>Save restored</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>復元結果を保存</translation>
    </message>
    <message>
        <source>Save restored…</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>復元結果を保存…</translation>
    </message>
    <message>
        <source>Save the one that is meant as a file of its own.</source>
        <extracomment>app/media/pictures/picture_facts.py</extracomment>
        <translation>必要な画像を単独のファイルとして保存してください。</translation>
    </message>
    <message>
        <source>Saved {names}</source>
        <extracomment>app/ui/flows/capture.py</extracomment>
        <translation>{names} を保存しました</translation>
    </message>
    <message>
        <source>Saved {names}.</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>{names} を保存しました。</translation>
    </message>
    <message>
        <source>Saving to the same place later goes on with what is finished.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>後で同じ場所に保存すると、完了した分から続行します。</translation>
    </message>
    <message>
        <source>Sees 16x16 pixels of a face, whatever it is given: it suits faces that are hardly larger.</source>
        <extracomment>app/restorers/families/pfsrnet.py</extracomment>
        <translation>何を入力しても顔を 16x16 ピクセルとして見ます。それより少し大きい程度の顔に向いています。</translation>
    </message>
    <message>
        <source>Set everything up with `python3 bootstrap.py run`; it names what the system itself lacks.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>`python3 bootstrap.py run` で一式を用意してください。システムに足りないものも表示されます。</translation>
    </message>
    <message>
        <source>Set the camera to a smaller size.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>カメラのサイズを小さくしてください。</translation>
    </message>
    <message>
        <source>Settings are as they were</source>
        <extracomment>app/ui/flows/reset.py</extracomment>
        <translation>設定を元に戻しました</translation>
    </message>
    <message>
        <source>Settings are at their defaults already</source>
        <extracomment>app/ui/flows/reset.py</extracomment>
        <translation>設定は既に既定値です</translation>
    </message>
    <message>
        <source>Settings are back to their defaults</source>
        <extracomment>app/ui/flows/reset.py</extracomment>
        <translation>設定を既定値に戻しました</translation>
    </message>
    <message>
        <source>Shards keep their journals in the output folder, and that is behind an address.</source>
        <extracomment>app/batch/engine.py</extracomment>
        <translation>シャードのジャーナルは出力フォルダーに保存されますが、出力先がアドレスになっています。</translation>
    </message>
    <message>
        <source>Share the last seconds as a clip</source>
        <extracomment>app/ui/actions.py, app/ui/menus.py</extracomment>
        <translation>直近の数秒をクリップで共有</translation>
    </message>
    <message>
        <source>Share: clips, pictures, whole files</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>共有: クリップ、画像、ファイル全体</translation>
    </message>
    <message>
        <source>Show a camera as a mirror does; recordings are not mirrored</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>カメラを鏡のように表示します。録画は鏡像になりません</translation>
    </message>
    <message>
        <source>Show each face&apos;s box and the cycles it took</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>各顔の枠とサイクル数を表示します</translation>
    </message>
    <message>
        <source>Show in folder</source>
        <extracomment>app/ui/dialogs/gallery.py</extracomment>
        <translation>フォルダーで表示</translation>
    </message>
    <message>
        <source>Show or hide everything else: camera, cycles, outputs, engine</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>ほかのすべての表示/非表示: カメラ、サイクル、出力、エンジン</translation>
    </message>
    <message>
        <source>Show the time of every stage</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>各段階の時間を表示します</translation>
    </message>
    <message>
        <source>Side by side</source>
        <extracomment>app/core/settings.py, app/ui/panel/panel.py</extracomment>
        <translation>左右</translation>
    </message>
    <message>
        <source>Single</source>
        <extracomment>app/ui/panel/cycles.py</extracomment>
        <translation>1 回</translation>
    </message>
    <message>
        <source>Size of its picture; another shape gets bars</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>画像のサイズ。縦横比が異なる場合は帯が付きます</translation>
    </message>
    <message>
        <source>Slowed down: {rate}</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>速度低下: {rate}</translation>
    </message>
    <message>
        <source>Snapshot saved, before and after</source>
        <extracomment>app/ui/flows/capture.py</extracomment>
        <translation>スナップショットを保存しました (復元前と後)</translation>
    </message>
    <message>
        <source>Snapshot, before and after</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>スナップショット、復元前と後</translation>
    </message>
    <message>
        <source>Snapshot: saves before and after</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>スナップショット: 復元前と後を保存</translation>
    </message>
    <message>
        <source>Something unexpected went wrong: {error}</source>
        <extracomment>app/ui/reports.py</extracomment>
        <translation>予期しないエラーが発生しました: {error}</translation>
    </message>
    <message>
        <source>Sound</source>
        <extracomment>app/core/settings.py, app/ui/panel/sound_row.py</extracomment>
        <translation>音声</translation>
    </message>
    <message>
        <source>Sound of recordings</source>
        <extracomment>app/ui/panel/sound_row.py</extracomment>
        <translation>録画の音声</translation>
    </message>
    <message>
        <source>Source</source>
        <extracomment>app/core/setting.py, app/core/settings.py, app/ui/actions.py, app/ui/panel/panel.py</extracomment>
        <translation>ソース</translation>
    </message>
    <message>
        <source>Source is {state}</source>
        <extracomment>app/ui/panel/status_line.py</extracomment>
        <translation>ソース: {state}</translation>
    </message>
    <message>
        <source>Source: {name}</source>
        <extracomment>app/ui/style/buttons.py</extracomment>
        <translation>ソース: {name}</translation>
    </message>
    <message>
        <source>Spinning</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>スピン待機</translation>
    </message>
    <message>
        <source>Split</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>分割</translation>
    </message>
    <message>
        <source>Split as seen</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>表示どおりに分割</translation>
    </message>
    <message>
        <source>Split: drag the divider</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>分割: 分割線をドラッグ</translation>
    </message>
    <message>
        <source>Start it again and give the same command: it goes on.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>再起動して同じコマンドを実行すると、続きから再開します。</translation>
    </message>
    <message>
        <source>Start it on a desktop. Without one, `{program} restore` works on files; see --help.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>デスクトップで起動してください。ない場合は `{program} restore` でファイルを処理できます。--help を参照してください。</translation>
    </message>
    <message>
        <source>Start one with `dask scheduler`.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>`dask scheduler` で起動してください。</translation>
    </message>
    <message>
        <source>Start some with `dask worker`.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>`dask worker` で起動してください。</translation>
    </message>
    <message>
        <source>Starting…</source>
        <extracomment>app/ui/panel/outputs.py, app/ui/panel/status_line.py, app/ui/preview/preview.py</extracomment>
        <translation>開始しています…</translation>
    </message>
    <message>
        <source>Steady</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>安定化</translation>
    </message>
    <message>
        <source>Stop  {duration}  {size}</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>停止  {duration}  {size}</translation>
    </message>
    <message>
        <source>Stop and close</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>中止して閉じる</translation>
    </message>
    <message>
        <source>Stop below</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>停止しきい値</translation>
    </message>
    <message>
        <source>Stop it first.</source>
        <extracomment>app/outputs/fanout.py, app/pipeline/live/recording.py</extracomment>
        <translation>先に停止してください。</translation>
    </message>
    <message>
        <source>Stop recording</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>録画を停止</translation>
    </message>
    <message>
        <source>Strength</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>強さ</translation>
    </message>
    <message>
        <source>Strength down</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>強さを下げる</translation>
    </message>
    <message>
        <source>Strength up</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>強さを上げる</translation>
    </message>
    <message>
        <source>System microphone</source>
        <extracomment>app/ui/texts/sound.py</extracomment>
        <translation>システムのマイク</translation>
    </message>
    <message>
        <source>TB</source>
        <extracomment>app/ui/style/formatting.py</extracomment>
        <translation>TB</translation>
    </message>
    <message>
        <source>Target rate</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>目標レート</translation>
    </message>
    <message>
        <source>That part is in {kept}. Add --overwrite to restore it again.</source>
        <extracomment>app/batch/run.py</extracomment>
        <translation>その部分は {kept} にあります。もう一度復元するには --overwrite を付けてください。</translation>
    </message>
    <message>
        <source>The camera does not open, so the demo clip is playing</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>カメラが開かないため、デモクリップを再生しています</translation>
    </message>
    <message>
        <source>The camera {name} cannot be opened.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>カメラ {name} を開けません。</translation>
    </message>
    <message>
        <source>The camera {name} opens but gives no picture.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>カメラ {name} は開きますが、映像がありません。</translation>
    </message>
    <message>
        <source>The camera {name} stopped giving pictures.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>カメラ {name} の映像が止まりました。</translation>
    </message>
    <message>
        <source>The chosen face is out of sight · Esc: all faces</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>選んだ顔が見えません · Esc: すべての顔</translation>
    </message>
    <message>
        <source>The clip was not made.</source>
        <extracomment>app/outputs/sharing/clip.py</extracomment>
        <translation>クリップは作成されませんでした。</translation>
    </message>
    <message>
        <source>The details are in {log}</source>
        <extracomment>app/batch/background.py, app/batch/worker.py, app/cli/messages.py, app/ui/reports.py</extracomment>
        <translation>詳細は {log} にあります</translation>
    </message>
    <message>
        <source>The disk of {folder} is almost full.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>{folder} のディスクがほぼ満杯です。</translation>
    </message>
    <message>
        <source>The encoder {encoder} cannot be used here for {width}x{height} pixels.</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>エンコーダー {encoder} は、ここでは {width}x{height} ピクセルに使えません。</translation>
    </message>
    <message>
        <source>The face detector failed: {error}.</source>
        <extracomment>app/faces/detector.py</extracomment>
        <translation>顔検出器でエラーが発生しました: {error}。</translation>
    </message>
    <message>
        <source>The face detector is missing: {model}.</source>
        <extracomment>app/faces/detector.py</extracomment>
        <translation>顔検出器がありません: {model}。</translation>
    </message>
    <message>
        <source>The face detector {name} was refused: {error}.</source>
        <extracomment>app/faces/detector.py</extracomment>
        <translation>顔検出器 {name} が拒否されました: {error}。</translation>
    </message>
    <message>
        <source>The file being recorded was deleted or moved away.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>録画中のファイルが削除または移動されました。</translation>
    </message>
    <message>
        <source>The file is damaged.</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>ファイルが壊れています。</translation>
    </message>
    <message>
        <source>The folder of {path} does not exist.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>{path} のフォルダーがありません。</translation>
    </message>
    <message>
        <source>The folder {path} may not be read.</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>フォルダー {path} の読み取りは許可されていません。</translation>
    </message>
    <message>
        <source>The frame rate that auto k holds</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>自動 k が保つフレームレート</translation>
    </message>
    <message>
        <source>The inference engine failed: {error}.</source>
        <extracomment>app/restorers/engine.py</extracomment>
        <translation>推論エンジンでエラーが発生しました: {error}。</translation>
    </message>
    <message>
        <source>The inference engine refused {file}: {error}.</source>
        <extracomment>app/restorers/engine.py</extracomment>
        <translation>推論エンジンが {file} を拒否しました: {error}。</translation>
    </message>
    <message>
        <source>The journal in {folder} cannot be written ({error}).</source>
        <extracomment>app/batch/jobs/journal.py</extracomment>
        <translation>{folder} のジャーナルに書き込めません ({error})。</translation>
    </message>
    <message>
        <source>The journal {path} cannot be opened ({error}).</source>
        <extracomment>app/batch/jobs/journal.py</extracomment>
        <translation>ジャーナル {path} を開けません ({error})。</translation>
    </message>
    <message>
        <source>The key of {host} is not among those that this computer knows.</source>
        <extracomment>app/media/sftp.py</extracomment>
        <translation>{host} の鍵は、このコンピューターが知っている鍵の中にありません。</translation>
    </message>
    <message>
        <source>The list of models cannot be read: {path} ({reason}).</source>
        <extracomment>app/restorers/manifest.py</extracomment>
        <translation>モデルの一覧を読み取れません: {path} ({reason})。</translation>
    </message>
    <message>
        <source>The list of models is damaged: {path} ({error}).</source>
        <extracomment>app/restorers/manifest.py</extracomment>
        <translation>モデルの一覧が壊れています: {path} ({error})。</translation>
    </message>
    <message>
        <source>The list of models {path} cannot be used: {error}.</source>
        <extracomment>app/restorers/manifest.py</extracomment>
        <translation>モデルの一覧 {path} を使えません: {error}。</translation>
    </message>
    <message>
        <source>The list of models {path} lacks the field {error}.</source>
        <extracomment>app/restorers/manifest.py</extracomment>
        <translation>モデルの一覧 {path} に項目 {error} がありません。</translation>
    </message>
    <message>
        <source>The model {name} ({precision})</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>モデル {name} ({precision})</translation>
    </message>
    <message>
        <source>The model {name} is a {kind}, not a restorer.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>モデル {name} は {kind} で、復元ネットワークではありません。</translation>
    </message>
    <message>
        <source>The name of {path} is too long for any disk.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>{path} の名前はどのディスクにも長すぎます。</translation>
    </message>
    <message>
        <source>The name of {path} is too long for this disk.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>{path} の名前はこのディスクには長すぎます。</translation>
    </message>
    <message>
        <source>The network gave values that are no numbers.</source>
        <extracomment>app/restorers/buffers.py</extracomment>
        <translation>ネットワークの出力が数値ではありません。</translation>
    </message>
    <message>
        <source>The network that restores faces</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>顔を復元するネットワーク</translation>
    </message>
    <message>
        <source>The network that restores faces; empty for the default one</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>顔を復元するネットワーク。空なら既定のもの</translation>
    </message>
    <message>
        <source>The networks were trained on pictures gathered for research. Using them for anything else is not covered by the licence of the program.</source>
        <extracomment>app/ui/dialogs/about.py</extracomment>
        <translation>ネットワークは研究用に集められた画像で学習しました。それ以外の用途は、プログラムのライセンスの対象外です。</translation>
    </message>
    <message>
        <source>The others are in the source menu, under Recent.</source>
        <extracomment>app/ui/flows/choosing.py</extracomment>
        <translation>ほかはソースメニューの「最近使用したもの」にあります。</translation>
    </message>
    <message>
        <source>The output failed: {error}.</source>
        <extracomment>app/outputs/base.py</extracomment>
        <translation>出力でエラーが発生しました: {error}。</translation>
    </message>
    <message>
        <source>The pieces of a video overlap.</source>
        <extracomment>app/batch/videos/joining.py</extracomment>
        <translation>動画の断片が重なっています。</translation>
    </message>
    <message>
        <source>The pieces of a video were encoded differently: {name}.</source>
        <extracomment>app/batch/videos/joining.py</extracomment>
        <translation>動画の断片のエンコード方法が異なります: {name}。</translation>
    </message>
    <message>
        <source>The restored picture</source>
        <extracomment>app/outputs/stream.py</extracomment>
        <translation>復元した映像</translation>
    </message>
    <message>
        <source>The restored piece {path} cannot be read ({reason}).</source>
        <extracomment>app/batch/videos/joining.py</extracomment>
        <translation>復元済みの断片 {path} を読み取れません ({reason})。</translation>
    </message>
    <message>
        <source>The restorer {name} could not be loaded: {error}.</source>
        <extracomment>app/pipeline/live/loader.py</extracomment>
        <translation>ネットワーク {name} を読み込めませんでした: {error}。</translation>
    </message>
    <message>
        <source>The results cannot be printed: {reason}.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>結果を出力できません: {reason}。</translation>
    </message>
    <message>
        <source>The scheduler has no workers.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>スケジューラーにワーカーがありません。</translation>
    </message>
    <message>
        <source>The scheduler is gone.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>スケジューラーがなくなりました。</translation>
    </message>
    <message>
        <source>The sound of {path} cannot be read ({reason}).</source>
        <extracomment>app/media/videos/sound_reader.py</extracomment>
        <translation>{path} の音声を読み取れません ({reason})。</translation>
    </message>
    <message>
        <source>The source</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>ソース</translation>
    </message>
    <message>
        <source>The source cannot be opened.</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>ソースを開けません。</translation>
    </message>
    <message>
        <source>The source did not open within {seconds:g} s.</source>
        <extracomment>app/pipeline/capture/worker.py</extracomment>
        <translation>ソースが {seconds:g} 秒以内に開きませんでした。</translation>
    </message>
    <message>
        <source>The source failed.</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>ソースでエラーが発生しました。</translation>
    </message>
    <message>
        <source>The source failed: {error}.</source>
        <extracomment>app/pipeline/capture/attempt.py</extracomment>
        <translation>ソースでエラーが発生しました: {error}。</translation>
    </message>
    <message>
        <source>The stream cannot be served at {host}:{port}: {reason}.</source>
        <extracomment>app/outputs/stream.py</extracomment>
        <translation>{host}:{port} でストリームを配信できません: {reason}。</translation>
    </message>
    <message>
        <source>The stream {address} ended.</source>
        <extracomment>app/sources/mjpeg.py, app/sources/stream.py</extracomment>
        <translation>ストリーム {address} が終了しました。</translation>
    </message>
    <message>
        <source>The stream {address} is too slow.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>ストリーム {address} が遅すぎます。</translation>
    </message>
    <message>
        <source>The stream {address} sends a picture that is too large.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>ストリーム {address} の画像が大きすぎます。</translation>
    </message>
    <message>
        <source>The stream {address} sends damaged pictures only.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>ストリーム {address} の画像はすべて壊れています。</translation>
    </message>
    <message>
        <source>The stream {address} sends headers that cannot be read.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>ストリーム {address} のヘッダーを読み取れません。</translation>
    </message>
    <message>
        <source>The stream {address} stalled.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>ストリーム {address} が止まりました。</translation>
    </message>
    <message>
        <source>The stream {address} stopped ({reason}).</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>ストリーム {address} が停止しました ({reason})。</translation>
    </message>
    <message>
        <source>The stream {address} was cut.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>ストリーム {address} が切断されました。</translation>
    </message>
    <message>
        <source>The system&apos;s microphone does not open: the recording has no sound.</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>システムのマイクを開けません。録画は音声なしです。</translation>
    </message>
    <message>
        <source>The video&apos;s sound</source>
        <extracomment>app/ui/texts/sound.py</extracomment>
        <translation>動画の音声</translation>
    </message>
    <message>
        <source>The virtual camera needs the package pyvirtualcam, which is not installed.</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>仮想カメラにはパッケージ pyvirtualcam が必要ですが、インストールされていません。</translation>
    </message>
    <message>
        <source>The virtual camera {name} is gone ({error}).</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>仮想カメラ {name} がなくなりました ({error})。</translation>
    </message>
    <message>
        <source>The virtual camera {path} cannot be used: {reason}.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>仮想カメラ {path} を使えません: {reason}。</translation>
    </message>
    <message>
        <source>The worker that restored {name} died {attempts} times.</source>
        <extracomment>app/batch/executors/processes.py</extracomment>
        <translation>{name} を復元していたワーカーが {attempts} 回異常終了しました。</translation>
    </message>
    <message>
        <source>The worker {name} cannot take part: {error}</source>
        <extracomment>app/batch/executors/dask_worker.py</extracomment>
        <translation>ワーカー {name} は参加できません: {error}</translation>
    </message>
    <message>
        <source>The worker {name} has other networks than this machine.</source>
        <extracomment>app/batch/executors/dask_worker.py</extracomment>
        <translation>ワーカー {name} のネットワークがこのマシンと異なります。</translation>
    </message>
    <message>
        <source>The worker {name} has version {there}, this is {here}.</source>
        <extracomment>app/batch/executors/dask_worker.py</extracomment>
        <translation>ワーカー {name} のバージョンは {there}、こちらは {here} です。</translation>
    </message>
    <message>
        <source>The workers that restored {name} died: {error}.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>{name} を復元していたワーカーが異常終了しました: {error}。</translation>
    </message>
    <message>
        <source>Theme</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>テーマ</translation>
    </message>
    <message>
        <source>There are no pictures in {folder}.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{folder} に画像がありません。</translation>
    </message>
    <message>
        <source>There are no pictures or videos in {folder}.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{folder} に画像も動画もありません。</translation>
    </message>
    <message>
        <source>There are: {known}.</source>
        <extracomment>app/batch/sheet.py</extracomment>
        <translation>使用できるもの: {known}。</translation>
    </message>
    <message>
        <source>There is no camera called {name}.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>{name} というカメラはありません。</translation>
    </message>
    <message>
        <source>There is no display to open a window on.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>ウィンドウを開く画面がありません。</translation>
    </message>
    <message>
        <source>There is no file or folder called {source}.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{source} というファイルやフォルダーはありません。</translation>
    </message>
    <message>
        <source>There is no file or folder {text}.</source>
        <extracomment>app/sources/registry.py</extracomment>
        <translation>ファイルまたはフォルダー {text} がありません。</translation>
    </message>
    <message>
        <source>There is no file to save</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>保存するファイルがありません</translation>
    </message>
    <message>
        <source>There is no file {path}.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>ファイル {path} がありません。</translation>
    </message>
    <message>
        <source>There is no free name for a recording in {folder}.</source>
        <extracomment>app/outputs/recordings/output.py</extracomment>
        <translation>{folder} に録画用の空いている名前がありません。</translation>
    </message>
    <message>
        <source>There is no model {name}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>モデル {name} はありません。</translation>
    </message>
    <message>
        <source>There is no output called {name}.</source>
        <extracomment>app/outputs/registry.py</extracomment>
        <translation>{name} という出力はありません。</translation>
    </message>
    <message>
        <source>There is no picture in the folder {path}.</source>
        <extracomment>app/sources/images.py</extracomment>
        <translation>フォルダー {path} に画像がありません。</translation>
    </message>
    <message>
        <source>There is no picture to copy yet</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>コピーする映像がまだありません</translation>
    </message>
    <message>
        <source>There is no picture to record yet.</source>
        <extracomment>app/pipeline/live/recording.py</extracomment>
        <translation>録画する映像がまだありません。</translation>
    </message>
    <message>
        <source>There is no picture to save yet</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>保存する映像がまだありません</translation>
    </message>
    <message>
        <source>There is no picture to save yet.</source>
        <extracomment>app/pipeline/live/session.py</extracomment>
        <translation>保存する映像がまだありません。</translation>
    </message>
    <message>
        <source>There is no room for a recording in {folder}.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>{folder} に録画のための空き容量がありません。</translation>
    </message>
    <message>
        <source>There is no room left for {path}.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>{path} のための空き容量がありません。</translation>
    </message>
    <message>
        <source>There is no setting called {names}.</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>{names} という設定はありません。</translation>
    </message>
    <message>
        <source>There is no setting called {name}.</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>{name} という設定はありません。</translation>
    </message>
    <message>
        <source>There is no view called {view}.</source>
        <extracomment>app/outputs/compose.py</extracomment>
        <translation>{view} という表示はありません。</translation>
    </message>
    <message>
        <source>There is no virtual camera that can be opened.</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>開ける仮想カメラがありません。</translation>
    </message>
    <message>
        <source>There is no way to record called {mode}.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>{mode} という録画方法はありません。</translation>
    </message>
    <message>
        <source>There is nothing at {address}.</source>
        <extracomment>app/batch/jobs/plan.py, app/media/remote.py</extracomment>
        <translation>{address} には何もありません。</translation>
    </message>
    <message>
        <source>There is too little to make a clip of.</source>
        <extracomment>app/outputs/sharing/clip.py</extracomment>
        <translation>クリップにするには短すぎます。</translation>
    </message>
    <message>
        <source>They may have run out of memory.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>メモリ不足の可能性があります。</translation>
    </message>
    <message>
        <source>This computer is fast enough for the network {name}</source>
        <extracomment>app/ui/flows/offer.py</extracomment>
        <translation>このコンピューターはネットワーク {name} に十分な速さです</translation>
    </message>
    <message>
        <source>This face alone · Esc: all faces</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>この顔だけ · Esc: すべての顔</translation>
    </message>
    <message>
        <source>This machine, its driver or this FFmpeg lacks it; leave --encoder out to take x264.</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>このマシン、ドライバー、または FFmpeg にありません。--encoder を外すと x264 を使います。</translation>
    </message>
    <message>
        <source>This sheet</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>この一覧</translation>
    </message>
    <message>
        <source>Threads</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>スレッド</translation>
    </message>
    <message>
        <source>Threads of the inference engine; 0 uses every physical core</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>推論エンジンのスレッド数。0 ではすべての物理コアを使います</translation>
    </message>
    <message>
        <source>Three cycles: looks best</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>3 サイクル: 見た目が最良</translation>
    </message>
    <message>
        <source>Trained for one pass: fed its own output again it drifts.</source>
        <extracomment>app/restorers/families/cfrnet_d.py, app/restorers/families/hifacegan.py</extracomment>
        <translation>1 回の処理用に学習したため、自分の出力を繰り返し入力するとずれていきます。</translation>
    </message>
    <message>
        <source>Tried: {names}. Reinstall the package av.</source>
        <extracomment>app/media/videos/encoder.py</extracomment>
        <translation>試したもの: {names}。パッケージ av を再インストールしてください。</translation>
    </message>
    <message>
        <source>True</source>
        <extracomment>app/outputs/compose.py</extracomment>
        <translation>元の画像</translation>
    </message>
    <message>
        <source>True, bad, restored</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>元、劣化、復元</translation>
    </message>
    <message>
        <source>Try again</source>
        <extracomment>app/ui/actions.py, app/ui/flows/source.py</extracomment>
        <translation>再試行</translation>
    </message>
    <message>
        <source>Try the suffix .mkv.</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>拡張子 .mkv を試してください。</translation>
    </message>
    <message>
        <source>Trying again in {seconds:.0f} s</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>{seconds:.0f} 秒後に再試行</translation>
    </message>
    <message>
        <source>Trying to reconnect…</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>再接続しています…</translation>
    </message>
    <message>
        <source>Twice as large</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>2 倍</translation>
    </message>
    <message>
        <source>Two cycles: nearest to the true face</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>2 サイクル: 本当の顔に最も近い</translation>
    </message>
    <message>
        <source>Two files</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>2 つのファイル</translation>
    </message>
    <message>
        <source>Undo</source>
        <extracomment>app/ui/flows/reset.py</extracomment>
        <translation>元に戻す</translation>
    </message>
    <message>
        <source>Undo a settings reset</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>設定のリセットを元に戻す</translation>
    </message>
    <message>
        <source>Undo the reset</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>リセットを元に戻す</translation>
    </message>
    <message>
        <source>Use http:// or rtsp://.</source>
        <extracomment>app/sources/registry.py</extracomment>
        <translation>http:// または rtsp:// を使ってください。</translation>
    </message>
    <message>
        <source>Use one of {names}.</source>
        <extracomment>app/batch/videos/restore.py, app/media/pictures/picture.py, app/outputs/recordings/recorder.py, app/outputs/registry.py</extracomment>
        <translation>次のいずれかを使ってください: {names}。</translation>
    </message>
    <message>
        <source>Use side-by-side, split or restored.</source>
        <extracomment>app/outputs/compose.py</extracomment>
        <translation>side-by-side、split、restored のいずれかを使ってください。</translation>
    </message>
    <message>
        <source>Use {name}</source>
        <extracomment>app/ui/flows/offer.py</extracomment>
        <translation>{name} を使う</translation>
    </message>
    <message>
        <source>Using {provider}.</source>
        <extracomment>app/ui/texts/engine.py</extracomment>
        <translation>{provider} を使用しています。</translation>
    </message>
    <message>
        <source>Video</source>
        <extracomment>app/sources/video.py</extracomment>
        <translation>動画</translation>
    </message>
    <message>
        <source>Videos</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>動画</translation>
    </message>
    <message>
        <source>Videos and pictures</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>動画と画像</translation>
    </message>
    <message>
        <source>View</source>
        <extracomment>app/core/setting.py, app/core/settings.py, app/ui/actions.py, app/ui/panel/panel.py</extracomment>
        <translation>表示</translation>
    </message>
    <message>
        <source>Viewers</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>視聴者数</translation>
    </message>
    <message>
        <source>Virtual camera</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>仮想カメラ</translation>
    </message>
    <message>
        <source>Wait a moment.</source>
        <extracomment>app/pipeline/live/recording.py</extracomment>
        <translation>しばらくお待ちください。</translation>
    </message>
    <message>
        <source>Wait for it, or give another output.</source>
        <extracomment>app/batch/jobs/journal.py</extracomment>
        <translation>終わるのを待つか、別の出力を指定してください。</translation>
    </message>
    <message>
        <source>Wait for them, or cancel below.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>終わるのを待つか、下でキャンセルしてください。</translation>
    </message>
    <message>
        <source>What an interrupted run had restored of it is in {kept}.</source>
        <extracomment>app/batch/run.py</extracomment>
        <translation>中断された実行で復元済みの部分は {kept} にあります。</translation>
    </message>
    <message>
        <source>What could be restored of it is in {kept}.</source>
        <extracomment>app/batch/videos/incomplete.py</extracomment>
        <translation>復元できた部分は {kept} にあります。</translation>
    </message>
    <message>
        <source>What is recorded</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>録画する内容</translation>
    </message>
    <message>
        <source>What is recorded beside the pictures</source>
        <extracomment>app/ui/panel/sound_row.py</extracomment>
        <translation>映像とともに録音するもの</translation>
    </message>
    <message>
        <source>What runs the network; auto takes the fastest here, one that is not available is replaced by the CPU</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>ネットワークを実行するもの。auto はここで最速のものを使い、使えないものは CPU に置き換えます</translation>
    </message>
    <message>
        <source>What the preview shows</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>プレビューの表示内容</translation>
    </message>
    <message>
        <source>What the virtual camera and the stream show</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>仮想カメラとストリームの表示内容</translation>
    </message>
    <message>
        <source>What was finished is kept.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>終わったものは残っています。</translation>
    </message>
    <message>
        <source>When the window was closed</source>
        <extracomment>app/ui/flows/capture.py</extracomment>
        <translation>ウィンドウを閉じたとき</translation>
    </message>
    <message>
        <source>Where recordings and snapshots go; empty for the system&apos;s videos folder</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>録画とスナップショットの保存先。空ならシステムのビデオフォルダー</translation>
    </message>
    <message>
        <source>Whole picture again</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>画像全体に戻す</translation>
    </message>
    <message>
        <source>Windows with a DirectX 12 card; pip install onnxruntime-directml in place of onnxruntime.</source>
        <extracomment>app/restorers/providers.py</extracomment>
        <translation>DirectX 12 のカードがある Windows。onnxruntime の代わりに pip install onnxruntime-directml。</translation>
    </message>
    <message>
        <source>Write HOST:PORT, such as 127.0.0.1:8090.</source>
        <extracomment>app/outputs/stream.py</extracomment>
        <translation>127.0.0.1:8090 のように HOST:PORT で指定してください。</translation>
    </message>
    <message>
        <source>Write Original and Restored, and a thin line between them, into every output that shows both</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>両方を表示するすべての出力に「元の画像」「復元後」と、その間の細い線を書き込みます</translation>
    </message>
    <message>
        <source>Write a PNG instead.</source>
        <extracomment>app/media/pictures/picture_encoding.py</extracomment>
        <translation>代わりに PNG で書き込んでください。</translation>
    </message>
    <message>
        <source>Write them as http://NAME:PASSWORD@...</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>http://NAME:PASSWORD@... の形で指定してください</translation>
    </message>
    <message>
        <source>Write them in place of the dots.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>点の部分に書き入れてください。</translation>
    </message>
    <message>
        <source>a Dask scheduler, such as tcp://scheduler:8786</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>Dask のスケジューラー。例: tcp://scheduler:8786</translation>
    </message>
    <message>
        <source>a cycle, median</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>1 サイクル、中央値</translation>
    </message>
    <message>
        <source>a data track</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>データトラック</translation>
    </message>
    <message>
        <source>a number</source>
        <extracomment>app/core/setting.py</extracomment>
        <translation>数値</translation>
    </message>
    <message>
        <source>a number from {low:g} to {high:g}</source>
        <extracomment>app/core/setting.py</extracomment>
        <translation>{low:g} から {high:g} の数値</translation>
    </message>
    <message>
        <source>a picture, a video or a folder</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>画像、動画、またはフォルダー</translation>
    </message>
    <message>
        <source>a whole number from {low:g} to {high:g}</source>
        <extracomment>app/core/setting.py</extracomment>
        <translation>{low:g} から {high:g} の整数</translation>
    </message>
    <message>
        <source>about {count} of its pictures are missing</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>約 {count} フレームが欠けています</translation>
    </message>
    <message>
        <source>access is not allowed</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>アクセスが許可されていません</translation>
    </message>
    <message>
        <source>age when finished</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>完了時の遅れ</translation>
    </message>
    <message>
        <source>align</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>位置合わせ</translation>
    </message>
    <message>
        <source>all but cycles</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>サイクル以外</translation>
    </message>
    <message>
        <source>already there, kept: {kept} of {all} files, first {first}; --overwrite replaces them</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>既にあるため残しました: {all} 個中 {kept} 個のファイル、最初は {first}。--overwrite で置き換えます</translation>
    </message>
    <message>
        <source>also write the medians to FILE</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>中央値を FILE にも書き込む</translation>
    </message>
    <message>
        <source>an attached file</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>添付ファイル</translation>
    </message>
    <message>
        <source>an unknown track</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>不明なトラック</translation>
    </message>
    <message>
        <source>another process</source>
        <extracomment>app/batch/jobs/journal.py</extracomment>
        <translation>別のプロセス</translation>
    </message>
    <message>
        <source>another video</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>別の動画</translation>
    </message>
    <message>
        <source>argument %(argument_name)s: %(message)s</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>引数 %(argument_name)s: %(message)s</translation>
    </message>
    <message>
        <source>at the source&apos;s size</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>ソースの大きさ</translation>
    </message>
    <message>
        <source>auto k: {k} of {wanted}</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>自動 k: {k}/{wanted}</translation>
    </message>
    <message>
        <source>be a camera that video calls can choose</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>ビデオ通話で選べるカメラになる</translation>
    </message>
    <message>
        <source>begin anew instead of going on where a run stopped</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>前回の続きからではなく、最初から始める</translation>
    </message>
    <message>
        <source>budget</source>
        <extracomment>app/ui/preview/plot.py</extracomment>
        <translation>許容時間</translation>
    </message>
    <message>
        <source>connecting</source>
        <extracomment>app/cli/live.py, app/ui/panel/status_line.py</extracomment>
        <translation>接続中</translation>
    </message>
    <message>
        <source>cycle {number}</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>サイクル {number}</translation>
    </message>
    <message>
        <source>detect</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>検出</translation>
    </message>
    <message>
        <source>do not check the certificate of the address that --source names</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>--source のアドレスの証明書を確認しない</translation>
    </message>
    <message>
        <source>do part I of N only, as in a job array</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>ジョブ配列のように、N 個のうち I 番目だけを処理する</translation>
    </message>
    <message>
        <source>dropped frames</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>コマ落ち</translation>
    </message>
    <message>
        <source>ended</source>
        <extracomment>app/cli/live.py, app/ui/panel/status_line.py</extracomment>
        <translation>終了</translation>
    </message>
    <message>
        <source>error: {what}</source>
        <extracomment>app/cli/messages.py, app/cli/parser.py</extracomment>
        <translation>エラー: {what}</translation>
    </message>
    <message>
        <source>even k = {k} is too slow, frames are dropped</source>
        <extracomment>app/pipeline/budget.py</extracomment>
        <translation>k = {k} でもフレームが落ちます</translation>
    </message>
    <message>
        <source>examples:</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>例:</translation>
    </message>
    <message>
        <source>exit codes: 0 the work was done, 1 it was not (one line on stderr says why), 2 a wrong option, 130 interrupted</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>終了コード: 0 完了、1 未完了 (理由は stderr に 1 行)、2 オプションの誤り、130 中断</translation>
    </message>
    <message>
        <source>expected at least one argument</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>引数が 1 つ以上必要です</translation>
    </message>
    <message>
        <source>expected one argument</source>
        <extracomment>app/cli/argument_words.py, app/cli/parser.py</extracomment>
        <translation>引数が 1 つ必要です</translation>
    </message>
    <message>
        <source>failed</source>
        <extracomment>app/cli/live.py, app/ui/panel/status_line.py</extracomment>
        <translation>失敗</translation>
    </message>
    <message>
        <source>fps</source>
        <extracomment>app/core/settings.py, app/pipeline/measuring/bench.py</extracomment>
        <translation>fps</translation>
    </message>
    <message>
        <source>frame age</source>
        <extracomment>app/ui/preview/plot.py</extracomment>
        <translation>フレームの遅れ</translation>
    </message>
    <message>
        <source>from CPU</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>CPU との差</translation>
    </message>
    <message>
        <source>go on restoring what arrives in the folder, until Ctrl-C</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>Ctrl-C まで、フォルダーに届くものを復元し続ける</translation>
    </message>
    <message>
        <source>going on where an earlier run stopped; restored already: {done}</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>前回の続きから再開します。復元済み: {done}</translation>
    </message>
    <message>
        <source>hint: {what}</source>
        <extracomment>app/cli/messages.py, app/cli/parser.py</extracomment>
        <translation>ヒント: {what}</translation>
    </message>
    <message>
        <source>ignored explicit argument %r</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>明示された引数 %r は無視されます</translation>
    </message>
    <message>
        <source>interrupted: what was finished is kept, nothing half-written was left.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>中断しました。終わったものは残り、書きかけのものはありません。</translation>
    </message>
    <message>
        <source>invalid %(type)s value: %(value)r</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>%(type)s の値が正しくありません: %(value)r</translation>
    </message>
    <message>
        <source>invalid choice: %(value)r (choose from %(choices)s)</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>選択が正しくありません: %(value)r (候補: %(choices)s)</translation>
    </message>
    <message>
        <source>invalid choice: %(value)r, maybe you meant %(closest)r? (choose from %(choices)s)</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>選択が正しくありません: %(value)r、%(closest)r ではありませんか? (候補: %(choices)s)</translation>
    </message>
    <message>
        <source>it asks for a name and a password</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>ユーザー名とパスワードが必要です</translation>
    </message>
    <message>
        <source>it cannot be read</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>読み取れません</translation>
    </message>
    <message>
        <source>it crashed (exit code {code})</source>
        <extracomment>app/restorers/probe.py</extracomment>
        <translation>クラッシュしました (終了コード {code})</translation>
    </message>
    <message>
        <source>it did not answer within {seconds:g} s</source>
        <extracomment>app/restorers/probe.py</extracomment>
        <translation>{seconds:g} 秒以内に応答しませんでした</translation>
    </message>
    <message>
        <source>it gave nothing</source>
        <extracomment>app/restorers/contest.py</extracomment>
        <translation>結果がありません</translation>
    </message>
    <message numerus="yes">
        <source>it is damaged in {n} places, where pictures may be spoilt or missing</source>
        <extracomment>app/batch/videos/output.py; for one: it is damaged in one place, where pictures may be spoilt or missing</extracomment>
        <translation>
            <numerusform>{n} か所で破損しており、映像が乱れたり欠けたりしている可能性があります</numerusform>
        </translation>
    </message>
    <message>
        <source>it is interlaced and was marked progressive</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>インターレースのため、プログレッシブとして記録しました</translation>
    </message>
    <message>
        <source>its CMYK colours became RGB</source>
        <extracomment>app/media/pictures/picture_facts.py</extracomment>
        <translation>CMYK の色は RGB になりました</translation>
    </message>
    <message>
        <source>its Dolby Vision data</source>
        <extracomment>app/media/videos/side_data.py</extracomment>
        <translation>Dolby Vision データ</translation>
    </message>
    <message>
        <source>its EXIF data</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>EXIF データ</translation>
    </message>
    <message>
        <source>its HDR Vivid data</source>
        <extracomment>app/media/videos/side_data.py</extracomment>
        <translation>HDR Vivid データ</translation>
    </message>
    <message>
        <source>its HDR10 description (mastering display, light levels) was left out</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>HDR10 の情報 (マスタリングディスプレイ、光レベル) を省きました</translation>
    </message>
    <message>
        <source>its HDR10+ data</source>
        <extracomment>app/media/videos/side_data.py</extracomment>
        <translation>HDR10+ データ</translation>
    </message>
    <message>
        <source>its XMP data</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>XMP データ</translation>
    </message>
    <message>
        <source>its closed captions, which are inside the pictures</source>
        <extracomment>app/media/videos/side_data.py</extracomment>
        <translation>映像に含まれるクローズドキャプション</translation>
    </message>
    <message>
        <source>its colour profile</source>
        <extracomment>app/media/pictures/picture.py, app/media/videos/side_data.py</extracomment>
        <translation>カラープロファイル</translation>
    </message>
    <message>
        <source>its colours, stored as floating-point numbers, became {bits} bits</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>浮動小数点で保存されていた色は {bits} ビットになりました</translation>
    </message>
    <message>
        <source>its colours, stored at {sampling}, became 4:2:0</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>{sampling} で保存されていた色は 4:2:0 になりました</translation>
    </message>
    <message>
        <source>its content credentials (C2PA)</source>
        <extracomment>app/media/pictures/jpeg_parts.py</extracomment>
        <translation>コンテンツ認証情報（C2PA）</translation>
    </message>
    <message>
        <source>its contents are damaged or of an unknown format</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>内容が壊れているか、不明な形式です</translation>
    </message>
    <message>
        <source>its cover picture</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>カバー画像</translation>
    </message>
    <message>
        <source>its description as a 3D video</source>
        <extracomment>app/media/videos/side_data.py</extracomment>
        <translation>3D 動画としての記述</translation>
    </message>
    <message>
        <source>its description as a panorama</source>
        <extracomment>app/media/videos/side_data.py</extracomment>
        <translation>パノラマとしての記述</translation>
    </message>
    <message>
        <source>its extended XMP data, such as its depth</source>
        <extracomment>app/media/pictures/jpeg_parts.py</extracomment>
        <translation>深度などの拡張 XMP データ</translation>
    </message>
    <message>
        <source>its high dynamic range is not marked any more</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>ハイダイナミックレンジであることを示す情報がなくなりました</translation>
    </message>
    <message>
        <source>its picture is {levels:.1f} levels from the CPU&apos;s</source>
        <extracomment>app/restorers/contest.py</extracomment>
        <translation>画像が CPU と {levels:.1f} 階調異なります</translation>
    </message>
    <message>
        <source>its pictures end {seconds:.1f} s before the rest of it</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>映像がほかより {seconds:.1f} 秒早く終わります</translation>
    </message>
    <message>
        <source>its resolution</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>解像度</translation>
    </message>
    <message>
        <source>its sound ({codec}) became AAC, as the format cannot hold it</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>この形式には保存できないため、音声 ({codec}) は AAC になりました</translation>
    </message>
    <message>
        <source>its sound ({codec}) became AAC, as the format cannot hold it; a name that ends in .mkv keeps it</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>この形式には保存できないため、音声 ({codec}) は AAC になりました。名前の末尾が .mkv なら保持されます</translation>
    </message>
    <message>
        <source>its transparency</source>
        <extracomment>app/media/pictures/picture.py, app/media/pictures/picture_facts.py</extracomment>
        <translation>透明度</translation>
    </message>
    <message>
        <source>its transparency was left out</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>透明度を省きました</translation>
    </message>
    <message>
        <source>its {bits} bits a colour became {kept}</source>
        <extracomment>app/batch/videos/output.py, app/media/pictures/picture.py</extracomment>
        <translation>1 色あたり {bits} ビットが {kept} ビットになりました</translation>
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
            <numerusform>処理しなかったファイルがほかに {n} 個あります: {names}</numerusform>
        </translation>
    </message>
    <message>
        <source>left out from a damaged place on: {track}</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>破損箇所から先を省略: {track}</translation>
    </message>
    <message>
        <source>left out, as a {suffix} does not hold it: {parts}</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>{suffix} には保存できないため省いたもの: {parts}</translation>
    </message>
    <message>
        <source>left out, as the format cannot hold it: {tracks}</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>この形式には保存できないため省いたもの: {tracks}</translation>
    </message>
    <message>
        <source>left out, as the format cannot hold it: {tracks}; a name that ends in .mkv may keep them</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>この形式には保存できないため省いたもの: {tracks}。名前の末尾が .mkv なら保持できる場合があります</translation>
    </message>
    <message>
        <source>left out: its colour profile, which is damaged or not one for its colours</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>省いたもの: 破損しているか、この色に合わないカラープロファイル</translation>
    </message>
    <message numerus="yes">
        <source>left out: {n} further pictures in the file, such as a preview or what makes it HDR</source>
        <extracomment>app/media/pictures/jpeg_parts.py; for one: left out: {n} further picture in the file, such as a preview or what makes it HDR</extracomment>
        <translation>
            <numerusform>省いたもの: プレビューや HDR 用など、ファイル内のほかの画像 {n} 枚</numerusform>
        </translation>
    </message>
    <message>
        <source>left out: {parts}</source>
        <extracomment>app/batch/videos/output.py, app/media/pictures/jpeg_parts.py, app/media/pictures/picture.py, app/media/pictures/picture_facts.py</extracomment>
        <translation>省いたもの: {parts}</translation>
    </message>
    <message>
        <source>licence: {licence}</source>
        <extracomment>app/cli/inspection.py</extracomment>
        <translation>ライセンス: {licence}</translation>
    </message>
    <message>
        <source>list the cameras by name</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>カメラを名前で一覧表示する</translation>
    </message>
    <message>
        <source>list the shipped networks and check their hashes</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>付属のネットワークを一覧表示し、ハッシュを確認する</translation>
    </message>
    <message>
        <source>list the shipped networks and verify their SHA-256</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>付属のネットワークを一覧表示し、SHA-256 を検証する</translation>
    </message>
    <message>
        <source>live</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>配信中</translation>
    </message>
    <message>
        <source>live needs an output: --virtual-camera, --serve or both</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>live には出力が必要です: --virtual-camera、--serve、または両方</translation>
    </message>
    <message>
        <source>lowered to {k}</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>{k} に下げました</translation>
    </message>
    <message>
        <source>macOS 12 or newer; it comes with onnxruntime.</source>
        <extracomment>app/restorers/providers.py</extracomment>
        <translation>macOS 12 以降。onnxruntime に付属します。</translation>
    </message>
    <message>
        <source>make bad</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>劣化</translation>
    </message>
    <message>
        <source>make the result 1, 2 or 4 times as large: faces keep the pixels that the network gives them, the rest is enlarged (default 1)</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>結果を 1、2、4 倍の大きさにする。顔はネットワークが出すピクセルを保ち、ほかは拡大する (既定 1)</translation>
    </message>
    <message>
        <source>make the whole of what all the shards have done</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>すべてのシャードの結果を 1 つにまとめる</translation>
    </message>
    <message>
        <source>measure every network on everything here that can run one, and stop</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>ここで実行できるすべての装置で各ネットワークを測定して終了する</translation>
    </message>
    <message>
        <source>measure the networks and the pipeline on this machine</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>このマシンでネットワークと処理を測定する</translation>
    </message>
    <message>
        <source>measure this machine</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>このマシンを測定する</translation>
    </message>
    <message>
        <source>network</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>ネットワーク</translation>
    </message>
    <message>
        <source>no</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>いいえ</translation>
    </message>
    <message>
        <source>no camera was found.</source>
        <extracomment>app/cli/inspection.py</extracomment>
        <translation>カメラが見つかりません。</translation>
    </message>
    <message>
        <source>no cycles</source>
        <extracomment>app/ui/preview/scene.py</extracomment>
        <translation>サイクルなし</translation>
    </message>
    <message>
        <source>no face was found</source>
        <extracomment>app/batch/worker.py</extracomment>
        <translation>顔が見つかりません</translation>
    </message>
    <message>
        <source>no face was found in any of its frames</source>
        <extracomment>app/batch/worker.py</extracomment>
        <translation>どのフレームにも顔が見つかりません</translation>
    </message>
    <message>
        <source>no face was found, every part is the picture itself</source>
        <extracomment>app/batch/sheet.py</extracomment>
        <translation>顔が見つからないため、どの結果も元の画像のままです</translation>
    </message>
    <message>
        <source>no face was found, it was only enlarged</source>
        <extracomment>app/batch/worker.py</extracomment>
        <translation>顔が見つからないため、拡大だけを行いました</translation>
    </message>
    <message>
        <source>no face was found, it was written unchanged</source>
        <extracomment>app/batch/worker.py</extracomment>
        <translation>顔が見つからないため、そのまま書き込みました</translation>
    </message>
    <message>
        <source>no window: a camera for calls, and a stream for OBS or a browser</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>ウィンドウなし: 通話用のカメラと、OBS やブラウザー用のストリーム</translation>
    </message>
    <message>
        <source>nodes</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>ノード</translation>
    </message>
    <message>
        <source>not allowed with argument %s</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>引数 %s とは同時に使えません</translation>
    </message>
    <message>
        <source>not here: {provider}. {needs}</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>ここにはありません: {provider}。{needs}</translation>
    </message>
    <message>
        <source>not usable</source>
        <extracomment>app/ui/texts/engine.py</extracomment>
        <translation>使用不可</translation>
    </message>
    <message>
        <source>note: {what}</source>
        <extracomment>app/cli/messages.py</extracomment>
        <translation>注意: {what}</translation>
    </message>
    <message>
        <source>nothing answers at this address</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>このアドレスは応答しません</translation>
    </message>
    <message>
        <source>of an unknown kind</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>不明な種類</translation>
    </message>
    <message>
        <source>of {budget}</source>
        <extracomment>app/ui/preview/overlay.py</extracomment>
        <translation>/ {budget}</translation>
    </message>
    <message>
        <source>off</source>
        <extracomment>app/ui/panel/bindings.py</extracomment>
        <translation>オフ</translation>
    </message>
    <message>
        <source>offline</source>
        <extracomment>app/cli/live.py, app/ui/panel/status_line.py</extracomment>
        <translation>オフライン</translation>
    </message>
    <message>
        <source>ok</source>
        <extracomment>app/cli/inspection.py</extracomment>
        <translation>正常</translation>
    </message>
    <message>
        <source>one face at {fps:g} fps</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>{fps:g} fps で顔 1 つ</translation>
    </message>
    <message>
        <source>one of the arguments %s is required</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>引数 %s のいずれかが必要です</translation>
    </message>
    <message>
        <source>one of {choices}</source>
        <extracomment>app/core/setting.py</extracomment>
        <translation>{choices} のいずれか</translation>
    </message>
    <message>
        <source>one picture</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>画像 1 枚</translation>
    </message>
    <message>
        <source>online</source>
        <extracomment>app/cli/live.py, app/ui/panel/status_line.py</extracomment>
        <translation>オンライン</translation>
    </message>
    <message>
        <source>open the window (the default); every setting can be given as an option</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>ウィンドウを開く (既定)。すべての設定をオプションで指定できる</translation>
    </message>
    <message>
        <source>open the window on a network camera</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>ネットワークカメラでウィンドウを開く</translation>
    </message>
    <message>
        <source>open the window on a video, two cycles</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>動画でウィンドウを開く、2 サイクル</translation>
    </message>
    <message>
        <source>open the window on the last used or first camera</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>前回使ったカメラか最初のカメラでウィンドウを開く</translation>
    </message>
    <message>
        <source>options</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>オプション</translation>
    </message>
    <message>
        <source>other</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>別のネット</translation>
    </message>
    <message>
        <source>paint</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>描画</translation>
    </message>
    <message>
        <source>paste</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>合成</translation>
    </message>
    <message>
        <source>positional arguments</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>位置引数</translation>
    </message>
    <message>
        <source>precision</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>精度</translation>
    </message>
    <message>
        <source>print the milliseconds of every stage as JSON on stdout</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>各段階のミリ秒を JSON で stdout に出力する</translation>
    </message>
    <message>
        <source>processes that restore side by side, each with one thread of the engine (default: as many as this machine&apos;s cores and memory carry, and one where there is little to do)</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>並行して復元するプロセス数。それぞれエンジンのスレッドを 1 つ使う (既定: このマシンのコアとメモリに応じた数、作業が少なければ 1)</translation>
    </message>
    <message>
        <source>processing</source>
        <extracomment>app/ui/preview/plot.py</extracomment>
        <translation>処理</translation>
    </message>
    <message>
        <source>provider</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>プロバイダー</translation>
    </message>
    <message>
        <source>pyvirtualcam knows no driver for this system.</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>pyvirtualcam にはこのシステム用のドライバーがありません。</translation>
    </message>
    <message>
        <source>replace files that are there; without it they are kept</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>既にあるファイルを置き換える。指定しなければ残す</translation>
    </message>
    <message>
        <source>restore a camera, file or stream without a window, for a virtual camera or the network</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>ウィンドウなしでカメラ、ファイル、ストリームを復元し、仮想カメラやネットワークに出す</translation>
    </message>
    <message>
        <source>restore a picture, a video or a folder</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>画像、動画、フォルダーを復元する</translation>
    </message>
    <message>
        <source>restore works on files, and {address} is a stream.</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>restore はファイルを扱いますが、{address} はストリームです。</translation>
    </message>
    <message>
        <source>restorers, with commas between: write one labelled sheet of a picture and what each makes of it</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>コンマ区切りのネットワーク: 画像と各結果を並べた、ラベル付きのシートを書き出す</translation>
    </message>
    <message>
        <source>restoring</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>復元中</translation>
    </message>
    <message>
        <source>serve MJPEG over HTTP, with a page on / (default %(const)s, which this machine alone can see)</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>MJPEG を HTTP で配信し、ページを / に置く (既定 %(const)s、このマシンからのみ見える)</translation>
    </message>
    <message>
        <source>several networks on one labelled sheet</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>複数のネットワークを 1 枚のラベル付きシートに</translation>
    </message>
    <message>
        <source>show program&apos;s version number and exit</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>プログラムのバージョンを表示して終了する</translation>
    </message>
    <message>
        <source>show this help message and exit</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>このヘルプを表示して終了する</translation>
    </message>
    <message>
        <source>something unexpected went wrong ({error}).</source>
        <extracomment>app/batch/worker.py, app/cli/messages.py</extracomment>
        <translation>予期しないエラーが発生しました ({error})。</translation>
    </message>
    <message>
        <source>sound</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>音声</translation>
    </message>
    <message>
        <source>source: {facts}</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>ソース: {facts}</translation>
    </message>
    <message>
        <source>square</source>
        <extracomment>app/ui/menus.py</extracomment>
        <translation>正方形</translation>
    </message>
    <message>
        <source>starting</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>起動中</translation>
    </message>
    <message>
        <source>stopped</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>停止</translation>
    </message>
    <message>
        <source>stopped.</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>停止しました。</translation>
    </message>
    <message>
        <source>subtitles</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>字幕</translation>
    </message>
    <message>
        <source>tall</source>
        <extracomment>app/ui/menus.py</extracomment>
        <translation>縦長</translation>
    </message>
    <message>
        <source>text</source>
        <extracomment>app/core/setting.py</extracomment>
        <translation>テキスト</translation>
    </message>
    <message>
        <source>that is no name of a host</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>ホスト名ではありません</translation>
    </message>
    <message>
        <source>the file is damaged ({error}): what cannot be read was filled in</source>
        <extracomment>app/media/pictures/picture_facts.py</extracomment>
        <translation>ファイルが壊れています ({error})。読み取れない部分は補われました</translation>
    </message>
    <message>
        <source>the file or folder to write</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>書き込むファイルまたはフォルダー</translation>
    </message>
    <message>
        <source>the following arguments are required: %s</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>次の引数が必要です: %s</translation>
    </message>
    <message>
        <source>the journal was damaged; it is kept as {path}</source>
        <extracomment>app/batch/run.py</extracomment>
        <translation>ジャーナルが壊れていたため、{path} として保管しました</translation>
    </message>
    <message>
        <source>the other side closed the connection</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>相手が接続を閉じました</translation>
    </message>
    <message>
        <source>there is no network</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>ネットワークに接続されていません</translation>
    </message>
    <message>
        <source>there is no way to this address</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>このアドレスに到達できません</translation>
    </message>
    <message>
        <source>there is nothing at this address</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>このアドレスには何もありません</translation>
    </message>
    <message>
        <source>there is nothing of that name</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>その名前のものはありません</translation>
    </message>
    <message>
        <source>there is room for more cycles, which are used if it lasts</source>
        <extracomment>app/pipeline/budget.py</extracomment>
        <translation>サイクルを増やす余裕があり、続けば使います</translation>
    </message>
    <message>
        <source>there was no answer in time</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>時間内に応答がありません</translation>
    </message>
    <message>
        <source>this kind of address is not known</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>この種類のアドレスには対応していません</translation>
    </message>
    <message>
        <source>true or false</source>
        <extracomment>app/core/setting.py</extracomment>
        <translation>true または false</translation>
    </message>
    <message>
        <source>try a file that fails once more at the end</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>失敗したファイルを最後にもう一度試す</translation>
    </message>
    <message>
        <source>unknown</source>
        <extracomment>app/restorers/base.py</extracomment>
        <translation>不明</translation>
    </message>
    <message>
        <source>unrecognized arguments: %s</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>不明な引数: %s</translation>
    </message>
    <message>
        <source>usage: </source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>使い方: </translation>
    </message>
    <message>
        <source>waiting</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>待機中</translation>
    </message>
    <message>
        <source>watching {path}; Ctrl-C ends it</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>{path} を監視しています。Ctrl-C で終了します</translation>
    </message>
    <message>
        <source>what else its format notes beside the pixels, such as texts</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>テキストなど、ピクセル以外に形式が持つ情報</translation>
    </message>
    <message>
        <source>what was done of a video is kept; the same command goes on from there</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>動画の処理済み部分は残ります。同じコマンドで続きから再開します</translation>
    </message>
    <message>
        <source>what writes videos: x264 at CRF 16, or a hardware encoder at a like quality, which this machine and its FFmpeg have to have (default x264)</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>動画の書き込みに使うもの: CRF 16 の x264、または同程度の品質のハードウェアエンコーダー (このマシンと FFmpeg に必要、既定 x264)</translation>
    </message>
    <message>
        <source>wide</source>
        <extracomment>app/ui/menus.py</extracomment>
        <translation>横長</translation>
    </message>
    <message>
        <source>with the milliseconds of every stage</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>各段階のミリ秒付き</translation>
    </message>
    <message>
        <source>write the original and the restored one next to each other</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>元の画像と復元結果を並べて書き込む</translation>
    </message>
    <message>
        <source>yes</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>はい</translation>
    </message>
    <message>
        <source>{about}, {size}, in {folder}</source>
        <extracomment>app/ui/flows/capture.py</extracomment>
        <translation>{about}、{size}、場所: {folder}</translation>
    </message>
    <message>
        <source>{address} answers but gives no picture: {what}</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>{address} は応答しますが、映像がありません: {what}</translation>
    </message>
    <message>
        <source>{address} answers {status} {reason}.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} の応答: {status} {reason}。</translation>
    </message>
    <message>
        <source>{address} asks for a name and a password.</source>
        <extracomment>app/sources/mjpeg.py, app/sources/stream.py</extracomment>
        <translation>{address} にはユーザー名とパスワードが必要です。</translation>
    </message>
    <message>
        <source>{address} cannot be opened ({reason}).</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>{address} を開けません ({reason})。</translation>
    </message>
    <message>
        <source>{address} cannot be reached: {reason}.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} に接続できません: {reason}。</translation>
    </message>
    <message>
        <source>{address} cannot be used: {error}.</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>{address} は使用できません: {error}。</translation>
    </message>
    <message>
        <source>{address} closed the connection.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} が接続を閉じました。</translation>
    </message>
    <message>
        <source>{address} did not answer within {seconds:g} s.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} が {seconds:g} 秒以内に応答しませんでした。</translation>
    </message>
    <message>
        <source>{address} does not answer as a web server does.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} の応答はウェブサーバーのものではありません。</translation>
    </message>
    <message>
        <source>{address} does not say where one picture ends.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} は画像の区切りを示していません。</translation>
    </message>
    <message>
        <source>{address} has no certificate that is known here, so it may be somebody else.</source>
        <extracomment>app/sources/tls.py</extracomment>
        <translation>{address} の証明書が確認できないため、別の相手の可能性があります。</translation>
    </message>
    <message>
        <source>{address} has no pictures in it.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>{address} に映像がありません。</translation>
    </message>
    <message>
        <source>{address} is no address that can be opened.</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>{address} は開けるアドレスではありません。</translation>
    </message>
    <message>
        <source>{address} needs another package: {error}.</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>{address} には別のパッケージが必要です: {error}。</translation>
    </message>
    <message>
        <source>{address} sends on to another address.</source>
        <extracomment>app/sources/rtsp.py</extracomment>
        <translation>{address} は別のアドレスに転送します。</translation>
    </message>
    <message>
        <source>{address} sends on to another kind of address, {scheme}.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} は別の種類のアドレス {scheme} に転送します。</translation>
    </message>
    <message>
        <source>{address} sends on to what is no address.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} はアドレスではないものに転送します。</translation>
    </message>
    <message>
        <source>{address} sends pictures of {width}x{height}, more than {limit} megapixels.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>{address} の映像は {width}x{height} で、{limit} メガピクセルを超えます。</translation>
    </message>
    <message>
        <source>{asked} is not available; using {got}.</source>
        <extracomment>app/restorers/base.py</extracomment>
        <translation>{asked} は使えないため、{got} を使用しています。</translation>
    </message>
    <message>
        <source>{got}, {asked} not available</source>
        <extracomment>app/ui/texts/engine.py</extracomment>
        <translation>{got}、{asked} は使えません</translation>
    </message>
    <message>
        <source>{command} --help shows every option with examples.</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>{command} --help ですべてのオプションと例を表示します。</translation>
    </message>
    <message>
        <source>Restores until Ctrl-C and prints the state of the source and of every output when it changes. Nothing is
mirrored, no sound is played. A virtual camera needs v4l2loopback on Linux, OBS and pyvirtualcam on
Windows and macOS.</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>Ctrl-C まで復元し、ソースと各出力の状態が変わるたびに表示します。鏡像にはせず、音声も再生しません。
仮想カメラには、Linux では v4l2loopback、Windows と macOS では OBS と pyvirtualcam が必要です。</translation>
    </message>
    <message>
        <source>the pictures are aligned face crops: no detection, writes 256x256 PNGs</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>画像は位置合わせ済みの顔の切り抜き: 検出せず、256x256 の PNG を書き込む</translation>
    </message>
    <message>
        <source>the video of a motion photo</source>
        <extracomment>app/media/pictures/jpeg_parts.py</extracomment>
        <translation>モーションフォトの動画</translation>
    </message>
    <message>
        <source>what follows the picture in the file</source>
        <extracomment>app/media/pictures/jpeg_parts.py</extracomment>
        <translation>ファイル内で画像の後に続くデータ</translation>
    </message>
    <message>
        <source>{address} needs the package {package}.</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>{address} にはパッケージ {package} が必要です。</translation>
    </message>
    <message>
        <source>{device}, {width} x {height} at {fps} fps</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>{device}、{width} x {height}、{fps} fps</translation>
    </message>
    <message>
        <source>{done} of {all} files restored</source>
        <extracomment>app/cli/restore.py, app/ui/flows/sharing.py</extracomment>
        <translation>{all} 個中 {done} 個のファイルを復元しました</translation>
    </message>
    <message>
        <source>{done} of {all} files restored, {failed} failed (named above)</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>{all} 個中 {done} 個のファイルを復元し、{failed} 個は失敗しました (上記)</translation>
    </message>
    <message>
        <source>{done}/{all} files</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>{done}/{all} ファイル</translation>
    </message>
    <message>
        <source>{duration} left</source>
        <extracomment>app/cli/restore.py, app/ui/panel/job_bar.py</extracomment>
        <translation>残り {duration}</translation>
    </message>
    <message>
        <source>{folder} is in use: {holder} is doing this job already.</source>
        <extracomment>app/batch/jobs/journal.py</extracomment>
        <translation>{folder} は使用中です: {holder} がこのジョブを実行しています。</translation>
    </message>
    <message>
        <source>{format}, {shape}</source>
        <extracomment>app/ui/menus.py</extracomment>
        <translation>{format}、{shape}</translation>
    </message>
    <message>
        <source>{found} ({reason}).</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>{found} ({reason})。</translation>
    </message>
    <message>
        <source>{found}.</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>{found}。</translation>
    </message>
    <message>
        <source>{given:.1f} / {reached}</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>{given:.1f} / {reached}</translation>
    </message>
    <message>
        <source>{http}  or  {rtsp}</source>
        <extracomment>app/ui/dialogs/dialogs.py</extracomment>
        <translation>{http}  または  {rtsp}</translation>
    </message>
    <message>
        <source>{label} cannot be read: {path} ({reason}), expected SHA-256 {sha256}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>{label} を読み取れません: {path} ({reason})。SHA-256 は {sha256} のはずです。</translation>
    </message>
    <message>
        <source>{label} is not the one that was shipped: {path} has {size} bytes and SHA-256 {found}, the manifest says {bytes} and {sha256}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>{label} は付属のものではありません: {path} は {size} バイト、SHA-256 {found} ですが、マニフェストでは {bytes} と {sha256} です。</translation>
    </message>
    <message>
        <source>{label} is on already.</source>
        <extracomment>app/outputs/fanout.py</extracomment>
        <translation>{label}は既にオンです。</translation>
    </message>
    <message>
        <source>{label} is started in another way.</source>
        <extracomment>app/pipeline/live/session.py</extracomment>
        <translation>{label}は別の方法で開始します。</translation>
    </message>
    <message>
        <source>{label} keeps weights in other files, which nothing checks: {path}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>{label} は、確認されない別のファイルに重みを保存しています: {path}。</translation>
    </message>
    <message>
        <source>{low:g} to {high:g}</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>{low:g} から {high:g}</translation>
    </message>
    <message>
        <source>{meaning} ({limits}; default {value})</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>{meaning} ({limits}、既定 {value})</translation>
    </message>
    <message>
        <source>{microphone} does not open: the recording has no sound.</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>{microphone} を開けません。録画に音声は入りません。</translation>
    </message>
    <message>
        <source>{microphone} does not open: the system&apos;s microphone is recorded.</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>{microphone} を開けません。システムのマイクを録音します。</translation>
    </message>
    <message>
        <source>{names}, in {folder}</source>
        <extracomment>app/ui/flows/capture.py, app/ui/flows/sharing.py</extracomment>
        <translation>{names}、場所: {folder}</translation>
    </message>
    <message>
        <source>{name} becomes an aligned crop</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{name} は位置合わせ済みの切り抜きになります</translation>
    </message>
    <message>
        <source>{name} cannot be {value}; it needs {needs}.</source>
        <extracomment>app/core/setting.py</extracomment>
        <translation>{name} に {value} は指定できません。必要な値: {needs}。</translation>
    </message>
    <message>
        <source>{name} could not be moved to the trash, perhaps because its disk has none. Press Show in folder and delete it there.</source>
        <extracomment>app/ui/dialogs/gallery.py</extracomment>
        <translation>{name} をごみ箱に移動できませんでした。ディスクにごみ箱がない可能性があります。「フォルダーで表示」を押して、そこで削除してください。</translation>
    </message>
    <message>
        <source>{name} does not ship in {wanted}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>{name} には {wanted} が付属していません。</translation>
    </message>
    <message>
        <source>{name} ended.</source>
        <extracomment>app/pipeline/capture/attempt.py</extracomment>
        <translation>{name} が終了しました。</translation>
    </message>
    <message>
        <source>{name} gave no picture for {seconds:g} s.</source>
        <extracomment>app/pipeline/capture/worker.py</extracomment>
        <translation>{name} から {seconds:g} 秒間映像がありません。</translation>
    </message>
    <message>
        <source>{name} has Lab colours, which are not read here.</source>
        <extracomment>app/media/pictures/picture_facts.py</extracomment>
        <translation>{name} は Lab カラーで、ここでは読み取れません。</translation>
    </message>
    <message>
        <source>{name} has pictures of {width}x{height}, more than {limit} megapixels.</source>
        <extracomment>app/media/videos/containers.py</extracomment>
        <translation>{name} の映像は {width}x{height} で、{limit} メガピクセルを超えます。</translation>
    </message>
    <message>
        <source>{name} has {width}x{height} pixels of {count} bytes each, more than {limit} megapixels.</source>
        <extracomment>app/media/pictures/picture_size.py</extracomment>
        <translation>{name} は 1 ピクセル {count} バイトの {width}x{height} ピクセルで、{limit} メガピクセルを超えます。</translation>
    </message>
    <message>
        <source>{name} has {width}x{height} pixels, more than {limit} megapixels.</source>
        <extracomment>app/media/pictures/picture_size.py</extracomment>
        <translation>{name} は {width}x{height} ピクセルで、{limit} メガピクセルを超えます。</translation>
    </message>
    <message>
        <source>{name} holds {count} pictures, an animation or pages; only the first would be restored.</source>
        <extracomment>app/media/pictures/picture_facts.py</extracomment>
        <translation>{name} は {count} 枚の画像 (アニメーションまたはページ) を含みます。復元されるのは最初の 1 枚だけです。</translation>
    </message>
    <message>
        <source>{name} is a picture</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{name} は画像です</translation>
    </message>
    <message>
        <source>{name} is a video</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{name} は動画です</translation>
    </message>
    <message>
        <source>{name} is applied once, not {k} times.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>{name} の適用は 1 回です。{k} 回は指定できません。</translation>
    </message>
    <message>
        <source>{name} is applied {low} to {high} times, not {k} times.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>{name} の適用は {low} から {high} 回です。{k} 回は指定できません。</translation>
    </message>
    <message>
        <source>{name} is damaged ({error}).</source>
        <extracomment>app/media/pictures/picture_facts.py</extracomment>
        <translation>{name} は壊れています ({error})。</translation>
    </message>
    <message>
        <source>{name} is not finished yet.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>{name} はまだ完了していません。</translation>
    </message>
    <message>
        <source>{name} is offline since {since}.</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>{name} は {since} からオフラインです。</translation>
    </message>
    <message>
        <source>{name} is offline.</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>{name} はオフラインです。</translation>
    </message>
    <message>
        <source>{name} is open, the first of {count}</source>
        <extracomment>app/ui/flows/choosing.py</extracomment>
        <translation>{count} 個のうち最初の {name} を開きました</translation>
    </message>
    <message>
        <source>{name} repeats one and the same picture.</source>
        <extracomment>app/pipeline/capture/attempt.py</extracomment>
        <translation>{name} は同じ映像を繰り返しています。</translation>
    </message>
    <message>
        <source>{name} takes uint8 crops of {side}x{side}x3, not {dtype} {shape}.</source>
        <extracomment>app/restorers/cycles.py</extracomment>
        <translation>{name} が受け取るのは {side}x{side}x3 の uint8 の切り抜きで、{dtype} {shape} ではありません。</translation>
    </message>
    <message>
        <source>{name} takes {low} to {high} cycles, not {k}.</source>
        <extracomment>app/restorers/cycles.py</extracomment>
        <translation>{name} のサイクル数は {low} から {high} です。{k} は指定できません。</translation>
    </message>
    <message>
        <source>{name} would have {width}x{height} pixels, more than {limit} megapixels.</source>
        <extracomment>app/media/pictures/enlarge.py, app/media/pictures/picture_encoding.py</extracomment>
        <translation>{name} は {width}x{height} ピクセルになり、{limit} メガピクセルを超えます。</translation>
    </message>
    <message>
        <source>{name}, {facts}
Choose another source, or drop one on the picture</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>{name}、{facts}
別のソースを選ぶか、映像の上にドロップしてください</translation>
    </message>
    <message>
        <source>{number} of {count}</source>
        <extracomment>app/ui/panel/picture_bar.py</extracomment>
        <translation>{number}/{count}</translation>
    </message>
    <message numerus="yes">
        <source>{n} cycles</source>
        <extracomment>app/ui/preview/scene.py, app/ui/texts/quality.py; for one: {n} cycle</extracomment>
        <translation>
            <numerusform>{n} サイクル</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} cycles · already sharp</source>
        <extracomment>app/ui/preview/scene.py; for one: {n} cycle · already sharp</extracomment>
        <translation>
            <numerusform>{n} サイクル · 既に鮮明</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} faces x {cycles} cycles need {need:.0f} ms, {fps:g} fps leave {budget:.0f} ms for them</source>
        <extracomment>app/pipeline/budget.py; for one: 1 face x {cycles} cycles need {need:.0f} ms, {fps:g} fps leave {budget:.0f} ms for them</extracomment>
        <translation>
            <numerusform>顔 {n} x {cycles} サイクルに {need:.0f} ms 必要、{fps:g} fps では {budget:.0f} ms まで</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} files</source>
        <extracomment>app/cli/restore.py; for one: {n} file</extracomment>
        <translation>
            <numerusform>{n} ファイル</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} frames</source>
        <extracomment>app/cli/restore.py; for one: {n} frame</extracomment>
        <translation>
            <numerusform>{n} フレーム</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} pieces of videos</source>
        <extracomment>app/cli/restore.py; for one: {n} piece of a video</extracomment>
        <translation>
            <numerusform>動画の断片 {n} 個</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} tasks are not done yet, first {key}.</source>
        <extracomment>app/batch/engine.py; for one: {n} task is not done yet: {key}.</extracomment>
        <translation>
            <numerusform>{n} 個のタスクがまだ終わっていません。最初は {key} です。</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} threads</source>
        <extracomment>app/ui/texts/engine.py; for one: {n} thread</extracomment>
        <translation>
            <numerusform>{n} スレッド</numerusform>
        </translation>
    </message>
    <message>
        <source>{option} and {other} cannot be used together</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>{option} と {other} は同時に使えません</translation>
    </message>
    <message>
        <source>{output} holds the input, and results would lie among the originals.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{output} には入力が含まれているため、結果が元のファイルに混ざってしまいます。</translation>
    </message>
    <message>
        <source>{output} is a file, but a folder of results cannot go into a file.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{output} はファイルです。結果のフォルダーをファイルには入れられません。</translation>
    </message>
    <message>
        <source>{output} is the input itself.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{output} は入力そのものです。</translation>
    </message>
    <message>
        <source>{path} cannot be read: {reason}.</source>
        <extracomment>app/batch/jobs/task.py, app/media/files.py, app/media/pictures/picture.py</extracomment>
        <translation>{path} を読み取れません: {reason}。</translation>
    </message>
    <message>
        <source>{path} cannot be used: {reason}.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>{path} を使えません: {reason}。</translation>
    </message>
    <message>
        <source>{path} cannot be written ({reason}).</source>
        <extracomment>app/outputs/sharing/clip.py</extracomment>
        <translation>{path} に書き込めません ({reason})。</translation>
    </message>
    <message>
        <source>{path} cannot be written in this format.</source>
        <extracomment>app/media/pictures/picture_encoding.py</extracomment>
        <translation>{path} をこの形式では書き込めません。</translation>
    </message>
    <message>
        <source>{path} cannot be written: {reason}.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>{path} に書き込めません: {reason}。</translation>
    </message>
    <message>
        <source>{path} has no pictures in it.</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>{path} に映像がありません。</translation>
    </message>
    <message>
        <source>{path} has no sound.</source>
        <extracomment>app/media/videos/sound_reader.py</extracomment>
        <translation>{path} に音声がありません。</translation>
    </message>
    <message>
        <source>{path} has no suffix of a picture format.</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>{path} に画像形式の拡張子がありません。</translation>
    </message>
    <message>
        <source>{path} holds numbers of the type {dtype}, which no picture here has.</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>{path} の数値の型は {dtype} で、ここではどの画像にも使われません。</translation>
    </message>
    <message>
        <source>{path} is a camera, not a loopback device.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>{path} はカメラで、ループバックデバイスではありません。</translation>
    </message>
    <message>
        <source>{path} is a folder, not a video.</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>{path} はフォルダーで、動画ではありません。</translation>
    </message>
    <message>
        <source>{path} is damaged or breaks off after {reached:.1f} s</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>{path} は壊れているか、{reached:.1f} 秒で途切れています</translation>
    </message>
    <message>
        <source>{path} is damaged or breaks off after {reached:.1f} s of {whole:.1f} s</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>{path} は壊れているか、{whole:.1f} 秒中 {reached:.1f} 秒で途切れています</translation>
    </message>
    <message>
        <source>{path} is damaged or not a picture that can be read.</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>{path} は壊れているか、読み取れる画像ではありません。</translation>
    </message>
    <message>
        <source>{path} is empty.</source>
        <extracomment>app/media/pictures/picture.py, app/media/videos/video_reader.py</extracomment>
        <translation>{path} は空です。</translation>
    </message>
    <message>
        <source>{path} is no folder, so there is nothing to watch.</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>{path} はフォルダーではないため、監視するものがありません。</translation>
    </message>
    <message>
        <source>{path} is not a picture that can be read.</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>{path} は読み取れる画像ではありません。</translation>
    </message>
    <message>
        <source>{path} is not a video device.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>{path} はビデオデバイスではありません。</translation>
    </message>
    <message>
        <source>{path} is not a video that can be read ({reason}).</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>{path} は読み取れる動画ではありません ({reason})。</translation>
    </message>
    <message>
        <source>{path} is there already and is no file.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>{path} は既にあり、ファイルではありません。</translation>
    </message>
    <message>
        <source>{path} is there already.</source>
        <extracomment>app/media/files.py, app/media/remote.py</extracomment>
        <translation>{path} は既にあります。</translation>
    </message>
    <message>
        <source>{path} keeps {got_width} x {got_height} instead of {width} x {height}.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>{path} は {width} x {height} ではなく {got_width} x {got_height} のままです。</translation>
    </message>
    <message>
        <source>{path} may not be read.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>{path} の読み取りは許可されていません。</translation>
    </message>
    <message>
        <source>{path} may not be written.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>{path} への書き込みは許可されていません。</translation>
    </message>
    <message>
        <source>{place} is a web page, not a stream.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>{place} はウェブページで、ストリームではありません。</translation>
    </message>
    <message>
        <source>{precision} on {threads}.</source>
        <extracomment>app/ui/texts/engine.py</extracomment>
        <translation>{precision}、{threads}。</translation>
    </message>
    <message>
        <source>{quality} ({cycles})</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>{quality} ({cycles})</translation>
    </message>
    <message>
        <source>{quality}, whatever time it takes.</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>{quality}。時間は問いません。</translation>
    </message>
    <message>
        <source>{rate:.0f} fps</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>{rate:.0f} fps</translation>
    </message>
    <message>
        <source>{rate} · age {age} · {dropped} dropped</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>{rate} · 遅れ {age} · コマ落ち {dropped}</translation>
    </message>
    <message>
        <source>{reached:.0f} of {given:.0f} frames a second</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>毎秒 {given:.0f} 中 {reached:.0f} フレーム</translation>
    </message>
    <message>
        <source>{reason}, so it cannot be written as {target}.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{reason}。そのため {target} としては書き込めません。</translation>
    </message>
    <message>
        <source>{scale} times as large</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>{scale} 倍の大きさ</translation>
    </message>
    <message>
        <source>{setting}: less</source>
        <extracomment>app/ui/style/widgets.py</extracomment>
        <translation>{setting}: 減らす</translation>
    </message>
    <message>
        <source>{setting}: more</source>
        <extracomment>app/ui/style/widgets.py</extracomment>
        <translation>{setting}: 増やす</translation>
    </message>
    <message>
        <source>{shown} is neither a file nor an address.</source>
        <extracomment>app/sources/registry.py</extracomment>
        <translation>{shown} はファイルでもアドレスでもありません。</translation>
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
        <translation>{source} は途中で途切れており、そこまで復元したときから変わっていません。</translation>
    </message>
    <message>
        <source>{source} changed while it was being restored.</source>
        <extracomment>app/batch/jobs/task.py</extracomment>
        <translation>{source} が復元中に変わりました。</translation>
    </message>
    <message>
        <source>{source} has {width}x{height} pixels, but an aligned face crop is square.</source>
        <extracomment>app/batch/worker.py</extracomment>
        <translation>{source} は {width}x{height} ピクセルですが、位置合わせ済みの顔の切り抜きは正方形です。</translation>
    </message>
    <message>
        <source>{source} is no picture, and a sheet is made of one.</source>
        <extracomment>app/batch/sheet.py</extracomment>
        <translation>{source} は画像ではありません。比較シートは画像から作ります。</translation>
    </message>
    <message>
        <source>{source} is not square, as an aligned face crop is.</source>
        <extracomment>app/batch/sheet.py</extracomment>
        <translation>{source} は正方形ではありません。位置合わせ済みの顔の切り抜きは正方形です。</translation>
    </message>
    <message>
        <source>{target} cannot be written ({reason}).</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>{target} に書き込めません ({reason})。</translation>
    </message>
    <message>
        <source>{target} has no suffix of a video.</source>
        <extracomment>app/batch/videos/restore.py</extracomment>
        <translation>{target} に動画の拡張子がありません。</translation>
    </message>
    <message>
        <source>{target} is the input itself.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{target} は入力そのものです。</translation>
    </message>
    <message>
        <source>{target} would have {width}x{height} pixels, more than any encoder here takes.</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>{target} は {width}x{height} ピクセルになり、ここのどのエンコーダーでも扱えません。</translation>
    </message>
    <message>
        <source>{text} has an address kind that is not known: {scheme}.</source>
        <extracomment>app/sources/registry.py</extracomment>
        <translation>{text} は不明な種類のアドレスです: {scheme}。</translation>
    </message>
    <message>
        <source>{text} is no whole number of at least 1</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>{text} は 1 以上の整数ではありません</translation>
    </message>
    <message>
        <source>{text} is not I/N with I from 1 to N, such as 3/16</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>{text} は I/N (I は 1 から N) の形式ではありません。例: 3/16</translation>
    </message>
    <message>
        <source>{text} is not an address to serve at.</source>
        <extracomment>app/outputs/stream.py</extracomment>
        <translation>{text} は配信用のアドレスではありません。</translation>
    </message>
    <message>
        <source>{track} ({codec})</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>{track} ({codec})</translation>
    </message>
    <message>
        <source>{url}, {viewers} of {most} viewers</source>
        <extracomment>app/outputs/stream.py</extracomment>
        <translation>{url}、視聴者 {viewers}/{most}</translation>
    </message>
    <message>
        <source>{used:.0f} of {most} %</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>{used:.0f}/{most} %</translation>
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
        <translation>{what}録画は終了しました。</translation>
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
