<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="zh_CN" sourcelanguage="en">
<context>
    <name>CFRNet Live</name>
    <message>
        <source>--cluster needs the package {package}.</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>--cluster 需要软件包 {package}。</translation>
    </message>
    <message>
        <source>--compare works on files, and {address} is an address.</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>--compare 只处理文件，而 {address} 是地址。</translation>
    </message>
    <message>
        <source>--scale enlarges pictures and videos, neither aligned crops nor sheets</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>--scale 用于放大图片和视频，不适用于对齐的裁剪图和对比图</translation>
    </message>
    <message>
        <source>1 cycle: lowest latency</source>
        <extracomment>app/restorers/families/cfrnet.py</extracomment>
        <translation>1 个循环：延迟最低</translation>
    </message>
    <message>
        <source>1280x720, one moving face at 30 fps; ms a frame, p50 / p95</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>1280x720，30 fps 的一张移动人脸；每帧毫秒数，p50 / p95</translation>
    </message>
    <message>
        <source>2 cycles: nearest to the true face</source>
        <extracomment>app/restorers/families/cfrnet.py</extracomment>
        <translation>2 个循环：最接近真实人脸</translation>
    </message>
    <message>
        <source>256x256 face crops, no detection</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>256x256 的人脸裁剪图，不作检测</translation>
    </message>
    <message>
        <source>3 cycles: best looking</source>
        <extracomment>app/restorers/families/cfrnet.py</extracomment>
        <translation>3 个循环：观感最佳</translation>
    </message>
    <message>
        <source>4 cycles</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>4 个循环</translation>
    </message>
    <message>
        <source>A Snapdragon processor with an NPU; pip install onnxruntime-qnn beside onnxruntime.</source>
        <extracomment>app/restorers/providers.py</extracomment>
        <translation>带 NPU 的 Snapdragon 处理器；在 onnxruntime 之外执行 pip install onnxruntime-qnn。</translation>
    </message>
    <message>
        <source>A camera driver (v4l2loopback on Linux, OBS on Windows and macOS) and, but for Linux, pyvirtualcam</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>摄像头驱动（Linux 上为 v4l2loopback，Windows 和 macOS 上为 OBS）；除 Linux 外还需 pyvirtualcam</translation>
    </message>
    <message>
        <source>A comparison needs names of restorers, each once.</source>
        <extracomment>app/batch/sheet.py</extracomment>
        <translation>比较需要若干网络名称，每个只能出现一次。</translation>
    </message>
    <message>
        <source>A cycle: {figures}.</source>
        <extracomment>app/ui/texts/engine.py</extracomment>
        <translation>一个循环：{figures}。</translation>
    </message>
    <message>
        <source>A frame could not be kept for a clip.</source>
        <extracomment>app/outputs/sharing/clip.py</extracomment>
        <translation>未能为片段保留一帧。</translation>
    </message>
    <message>
        <source>A free port; a browser, OBS or VLC opens its address</source>
        <extracomment>app/outputs/stream.py</extracomment>
        <translation>一个空闲端口；可用浏览器、OBS 或 VLC 打开其地址</translation>
    </message>
    <message>
        <source>A library that this needs cannot be loaded: {error}.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>无法加载所需的库：{error}。</translation>
    </message>
    <message>
        <source>A network made for one pass is fed its own output again; drift is how far each pass moves it</source>
        <extracomment>app/ui/panel/cycles.py</extracomment>
        <translation>为一次处理而设计的网络再次接收自身输出；漂移是每次处理移动的程度</translation>
    </message>
    <message>
        <source>A recording is being started already.</source>
        <extracomment>app/pipeline/live/recording.py</extracomment>
        <translation>录制正在启动。</translation>
    </message>
    <message>
        <source>A recording is running already.</source>
        <extracomment>app/pipeline/live/recording.py</extracomment>
        <translation>录制正在进行。</translation>
    </message>
    <message>
        <source>A worker of the cluster cannot load this application: {error}.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>集群中的一个 worker 无法加载本应用：{error}。</translation>
    </message>
    <message>
        <source>ALTERED</source>
        <extracomment>app/cli/inspection.py</extracomment>
        <translation>已更改</translation>
    </message>
    <message>
        <source>About CFRNet Live</source>
        <extracomment>app/ui/dialogs/about.py</extracomment>
        <translation>关于 CFRNet Live</translation>
    </message>
    <message>
        <source>About and licences…</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>关于和许可证…</translation>
    </message>
    <message>
        <source>Add yourself to the group video: sudo usermod -aG video $USER, then log in again.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>请将自己加入 video 组：sudo usermod -aG video $USER，然后重新登录。</translation>
    </message>
    <message>
        <source>Address of the stream</source>
        <extracomment>app/ui/dialogs/dialogs.py</extracomment>
        <translation>流的地址</translation>
    </message>
    <message>
        <source>Advanced</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>高级</translation>
    </message>
    <message>
        <source>Advanced settings</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>高级设置</translation>
    </message>
    <message>
        <source>After</source>
        <extracomment>app/outputs/compose.py</extracomment>
        <translation>修复后</translation>
    </message>
    <message>
        <source>All</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>全部</translation>
    </message>
    <message>
        <source>All files</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>所有文件</translation>
    </message>
    <message>
        <source>An Intel processor or card; pip install onnxruntime-ep-openvino beside onnxruntime.</source>
        <extracomment>app/restorers/providers.py</extracomment>
        <translation>Intel 处理器或显卡；在 onnxruntime 之外执行 pip install onnxruntime-ep-openvino。</translation>
    </message>
    <message>
        <source>An NVIDIA card with its driver; pip install &quot;onnxruntime-gpu[cuda,cudnn]&quot; in place of onnxruntime.</source>
        <extracomment>app/restorers/providers.py</extracomment>
        <translation>NVIDIA 显卡及其驱动；用 pip install &quot;onnxruntime-gpu[cuda,cudnn]&quot; 代替 onnxruntime。</translation>
    </message>
    <message>
        <source>An empty name is no file or folder.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>空名称既不是文件也不是文件夹。</translation>
    </message>
    <message>
        <source>Another network in place of the original, in the window only; every frame is then restored twice</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>用另一个网络代替原图，仅限窗口；每帧将修复两次</translation>
    </message>
    <message>
        <source>Another program writes to it; close that one.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>另一个程序正在写入它；请关闭该程序。</translation>
    </message>
    <message>
        <source>Any processor.</source>
        <extracomment>app/restorers/providers.py</extracomment>
        <translation>任何处理器。</translation>
    </message>
    <message>
        <source>Application</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>应用</translation>
    </message>
    <message>
        <source>As good as this machine can do in time.</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>本机能及时做到的最佳效果。</translation>
    </message>
    <message>
        <source>As good as this machine can do without dropping frames</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>本机在不丢帧的情况下能做到的最佳效果</translation>
    </message>
    <message>
        <source>As the source</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>与来源相同</translation>
    </message>
    <message>
        <source>Ask for the right to read it.</source>
        <extracomment>app/media/files.py, app/media/pictures/picture.py</extracomment>
        <translation>请申请读取权限。</translation>
    </message>
    <message>
        <source>Auto</source>
        <extracomment>app/core/settings.py, app/ui/panel/panel.py, app/ui/texts/quality.py</extracomment>
        <translation>自动</translation>
    </message>
    <message>
        <source>Auto k</source>
        <extracomment>app/core/settings.py, app/ui/preview/overlay_model.py</extracomment>
        <translation>自动 k</translation>
    </message>
    <message>
        <source>Auto k: {k} of {wanted}, there is room again.</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>自动 k：{k}/{wanted}，又有余力了。</translation>
    </message>
    <message>
        <source>Auto k: {k} of {wanted}: {reason}.</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>自动 k：{k}/{wanted}：{reason}。</translation>
    </message>
    <message>
        <source>Auto quality on or off</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>开启或关闭自动质量</translation>
    </message>
    <message>
        <source>Average what holds still in a moving picture, so that it does not flicker; 0 restores every frame alone</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>对运动画面中静止的部分取平均，避免闪烁；0 表示逐帧单独修复</translation>
    </message>
    <message>
        <source>Before</source>
        <extracomment>app/outputs/compose.py</extracomment>
        <translation>修复前</translation>
    </message>
    <message>
        <source>Before and after copied</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>已复制前后对比</translation>
    </message>
    <message>
        <source>Before and after saved</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>已保存前后对比</translation>
    </message>
    <message>
        <source>Before, then after, with a divider.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>先显示修复前，再显示修复后，带分隔线。</translation>
    </message>
    <message>
        <source>Begin anew with --fresh.</source>
        <extracomment>app/batch/videos/joining.py</extracomment>
        <translation>请用 --fresh 重新开始。</translation>
    </message>
    <message>
        <source>Best look</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>最佳</translation>
    </message>
    <message>
        <source>Best look, 3 cycles</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>观感最佳，3 个循环</translation>
    </message>
    <message>
        <source>CPU</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>CPU</translation>
    </message>
    <message>
        <source>Camera</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>摄像头</translation>
    </message>
    <message>
        <source>Camera made bad</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>摄像头已劣化</translation>
    </message>
    <message>
        <source>Camera name, file, folder or stream address; empty for the first camera</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>摄像头名称、文件、文件夹或流地址；留空表示第一个摄像头</translation>
    </message>
    <message>
        <source>Cancel</source>
        <extracomment>app/ui/dialogs/dialogs.py, app/ui/panel/job_bar.py</extracomment>
        <translation>取消</translation>
    </message>
    <message>
        <source>Captions</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>标注</translation>
    </message>
    <message>
        <source>Capture</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>拍摄</translation>
    </message>
    <message>
        <source>Check its cable; it is looked for by name.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>请检查其连接线；将按名称查找。</translation>
    </message>
    <message>
        <source>Check its name and place.</source>
        <extracomment>app/sources/registry.py</extracomment>
        <translation>请检查其名称和位置。</translation>
    </message>
    <message>
        <source>Check its name and your rights.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>请检查其名称和您的权限。</translation>
    </message>
    <message>
        <source>Check that it is whole.</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>请检查其是否完整。</translation>
    </message>
    <message>
        <source>Check that the file is whole.</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>请检查文件是否完整。</translation>
    </message>
    <message>
        <source>Check the address and its port.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>请检查地址及其端口。</translation>
    </message>
    <message>
        <source>Check the address, and that the camera is on and in the same network.</source>
        <extracomment>app/sources/mjpeg.py, app/sources/stream.py</extracomment>
        <translation>请检查地址，并确认摄像机已开启且在同一网络中。</translation>
    </message>
    <message>
        <source>Check the address, the name and the password.</source>
        <extracomment>app/media/remote.py, app/sources/mjpeg.py</extracomment>
        <translation>请检查地址、用户名和密码。</translation>
    </message>
    <message>
        <source>Check the address.</source>
        <extracomment>app/batch/jobs/plan.py, app/media/remote.py, app/sources/mjpeg.py</extracomment>
        <translation>请检查地址。</translation>
    </message>
    <message>
        <source>Check the name.</source>
        <extracomment>app/batch/jobs/plan.py, app/media/files.py</extracomment>
        <translation>请检查名称。</translation>
    </message>
    <message>
        <source>Check what was written.</source>
        <extracomment>app/sources/registry.py</extracomment>
        <translation>请检查输入的内容。</translation>
    </message>
    <message>
        <source>Choose a camera, a file, a folder or a stream; or drop one on the picture</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>选择摄像头、文件、文件夹或流；或将其拖放到画面上</translation>
    </message>
    <message>
        <source>Choose a folder that every machine sees, or leave --shard and --join out.</source>
        <extracomment>app/batch/engine.py</extracomment>
        <translation>请选择所有机器都能看到的文件夹，或去掉 --shard 和 --join。</translation>
    </message>
    <message>
        <source>Choose a folder that you may write to.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>请选择您可以写入的文件夹。</translation>
    </message>
    <message>
        <source>Choose a shorter one.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>请选择较短的名称。</translation>
    </message>
    <message>
        <source>Choose a smaller --scale, or set CFRNET_LIVE_MAX_MEGAPIXELS to more if there is memory for it.</source>
        <extracomment>app/media/pictures/enlarge.py</extracomment>
        <translation>请选择较小的 --scale，如内存足够也可增大 CFRNET_LIVE_MAX_MEGAPIXELS。</translation>
    </message>
    <message>
        <source>Choose a smaller --scale.</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>请选择较小的 --scale。</translation>
    </message>
    <message>
        <source>Choose a smaller view or scale.</source>
        <extracomment>app/media/videos/encoder.py</extracomment>
        <translation>请选择更小的视图或倍数。</translation>
    </message>
    <message>
        <source>Choose a video file.</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>请选择视频文件。</translation>
    </message>
    <message>
        <source>Choose another --k or another --restorer.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>请选择其他 --k 或其他 --restorer。</translation>
    </message>
    <message>
        <source>Choose another address or port.</source>
        <extracomment>app/outputs/stream.py</extracomment>
        <translation>请选择其他地址或端口。</translation>
    </message>
    <message>
        <source>Choose another device.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>请选择其他设备。</translation>
    </message>
    <message>
        <source>Choose another folder.</source>
        <extracomment>app/batch/jobs/plan.py, app/outputs/recordings/output.py, app/sources/images.py</extracomment>
        <translation>请选择其他文件夹。</translation>
    </message>
    <message>
        <source>Choose another name, or add --overwrite to replace it.</source>
        <extracomment>app/media/files.py, app/media/remote.py</extracomment>
        <translation>请选择其他名称，或加上 --overwrite 进行替换。</translation>
    </message>
    <message>
        <source>Choose another name.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>请选择其他名称。</translation>
    </message>
    <message>
        <source>Choose another output folder.</source>
        <extracomment>app/batch/jobs/journal.py</extracomment>
        <translation>请选择其他输出文件夹。</translation>
    </message>
    <message>
        <source>Choose another precision: {known}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>请选择其他精度：{known}。</translation>
    </message>
    <message>
        <source>Choose another stream.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>请选择其他流。</translation>
    </message>
    <message>
        <source>Choose how much is done to a face, or press 1 to 4.</source>
        <extracomment>app/ui/flows/first_hints.py</extracomment>
        <translation>选择对人脸的处理程度，或按 1 到 4。</translation>
    </message>
    <message>
        <source>Choose the folder for recordings…</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>选择录制文件夹…</translation>
    </message>
    <message>
        <source>Click: all faces</source>
        <extracomment>app/ui/preview/scene.py</extracomment>
        <translation>点击：所有人脸</translation>
    </message>
    <message>
        <source>Click: this face alone</source>
        <extracomment>app/ui/preview/scene.py</extracomment>
        <translation>点击：仅此人脸</translation>
    </message>
    <message>
        <source>Clip saved</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>片段已保存</translation>
    </message>
    <message>
        <source>Close</source>
        <extracomment>app/ui/actions.py, app/ui/dialogs/about.py, app/ui/dialogs/dialogs.py, app/ui/dialogs/gallery.py, app/ui/flows/sharing.py</extracomment>
        <translation>关闭</translation>
    </message>
    <message>
        <source>Close other programs that use it, check the system&apos;s camera permission, or choose another one.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>请关闭正在使用它的其他程序，检查系统的摄像头权限，或选择其他摄像头。</translation>
    </message>
    <message>
        <source>Close other programs that use it.</source>
        <extracomment>app/pipeline/capture/worker.py</extracomment>
        <translation>请关闭正在使用它的其他程序。</translation>
    </message>
    <message>
        <source>Close the program that uses it, or choose that size.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>请关闭正在使用它的程序，或选择该尺寸。</translation>
    </message>
    <message>
        <source>Close the window</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>关闭窗口</translation>
    </message>
    <message>
        <source>Connect once by hand, and compare the key that is shown with the server&apos;s: {command}</source>
        <extracomment>app/media/sftp.py</extracomment>
        <translation>请先手动连接一次，并将显示的密钥与服务器的密钥进行核对：{command}</translation>
    </message>
    <message>
        <source>Connecting</source>
        <extracomment>app/pipeline/live/session.py</extracomment>
        <translation>正在连接</translation>
    </message>
    <message>
        <source>Copy</source>
        <extracomment>app/ui/dialogs/dialogs.py</extracomment>
        <translation>复制</translation>
    </message>
    <message>
        <source>Copy before and after</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>复制前后对比</translation>
    </message>
    <message>
        <source>Copy diagnostics</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>复制诊断信息</translation>
    </message>
    <message>
        <source>Cut short when the program ended unexpectedly</source>
        <extracomment>app/ui/flows/capture.py</extracomment>
        <translation>因程序意外结束而截断</translation>
    </message>
    <message>
        <source>Cycles k</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>循环数 k</translation>
    </message>
    <message>
        <source>Dark</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>深色</translation>
    </message>
    <message>
        <source>Degrade the source: few pixels, blur, noise and blocks</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>降低来源质量：低像素、模糊、噪点和色块</translation>
    </message>
    <message>
        <source>Demo clip</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>演示片段</translation>
    </message>
    <message>
        <source>Details are in {log}.</source>
        <extracomment>app/outputs/base.py, app/pipeline/live/inference.py, app/pipeline/live/loader.py</extracomment>
        <translation>详情见 {log}。</translation>
    </message>
    <message>
        <source>Detector size</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>检测器尺寸</translation>
    </message>
    <message>
        <source>Diagnostics</source>
        <extracomment>app/ui/dialogs/dialogs.py</extracomment>
        <translation>诊断</translation>
    </message>
    <message>
        <source>Diagnostics copied</source>
        <extracomment>app/ui/flows/help.py</extracomment>
        <translation>已复制诊断信息</translation>
    </message>
    <message>
        <source>Diagnostics…</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>诊断…</translation>
    </message>
    <message>
        <source>Dismiss</source>
        <extracomment>app/ui/dialogs/notifications.py</extracomment>
        <translation>关闭</translation>
    </message>
    <message>
        <source>Drag the divider: before at the left, after at the right.</source>
        <extracomment>app/ui/flows/first_hints.py</extracomment>
        <translation>拖动分隔线：左边是修复前，右边是修复后。</translation>
    </message>
    <message>
        <source>Drift of each pass: {steps}</source>
        <extracomment>app/ui/panel/cycles.py</extracomment>
        <translation>每次处理的漂移：{steps}</translation>
    </message>
    <message>
        <source>Drop to open</source>
        <extracomment>app/ui/preview/preview.py</extracomment>
        <translation>松开以打开</translation>
    </message>
    <message>
        <source>Dropped</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>丢帧</translation>
    </message>
    <message>
        <source>Each frame restored twice, by {name} too</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>每帧修复两次，另一次用 {name}</translation>
    </message>
    <message>
        <source>Edit address…</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>编辑地址…</translation>
    </message>
    <message>
        <source>Encoding the recording takes longer than {seconds:g} s.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>录制的编码耗时超过 {seconds:g} 秒。</translation>
    </message>
    <message>
        <source>End a face&apos;s cycles when mean |G(x) - x| falls under this; 0 never stops early</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>当 |G(x) - x| 的均值低于此值时结束该人脸的循环；0 表示从不提前结束</translation>
    </message>
    <message>
        <source>Engine</source>
        <extracomment>app/core/setting.py, app/core/settings.py, app/ui/panel/panel.py</extracomment>
        <translation>引擎</translation>
    </message>
    <message>
        <source>FP32, reference</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>FP32，基准</translation>
    </message>
    <message>
        <source>Face marks</source>
        <extracomment>app/core/settings.py, app/ui/actions.py</extracomment>
        <translation>人脸标记</translation>
    </message>
    <message>
        <source>Faces</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>人脸数</translation>
    </message>
    <message numerus="yes">
        <source>Faces already sharp</source>
        <extracomment>app/ui/preview/state_text.py; for one: Face already sharp</extracomment>
        <translation>
            <numerusform>人脸已清晰</numerusform>
        </translation>
    </message>
    <message>
        <source>Faithful</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>忠实</translation>
    </message>
    <message>
        <source>Faithful, 2 cycles</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>忠实，2 个循环</translation>
    </message>
    <message>
        <source>Fast</source>
        <extracomment>app/ui/panel/panel.py, app/ui/texts/quality.py</extracomment>
        <translation>快速</translation>
    </message>
    <message>
        <source>Fast, 1 cycle</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>快速，1 个循环</translation>
    </message>
    <message>
        <source>Fetch the models folder again, for example with `git checkout -- models`.</source>
        <extracomment>app/restorers/manifest.py</extracomment>
        <translation>请重新获取 models 文件夹，例如用 `git checkout -- models`。</translation>
    </message>
    <message>
        <source>Fewer than {frames} frames were restored within {seconds:g} s.</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>在 {seconds:g} 秒内修复的帧少于 {frames}。</translation>
    </message>
    <message>
        <source>Files are being restored already</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>已有文件正在修复</translation>
    </message>
    <message>
        <source>First camera</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>第一个摄像头</translation>
    </message>
    <message>
        <source>Folder</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>文件夹</translation>
    </message>
    <message>
        <source>Folder for recordings and snapshots</source>
        <extracomment>app/ui/window.py</extracomment>
        <translation>录制和快照的文件夹</translation>
    </message>
    <message>
        <source>Folder for the restored pictures</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>修复后图片的文件夹</translation>
    </message>
    <message>
        <source>Four times</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>四倍大小</translation>
    </message>
    <message>
        <source>Frame age</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>帧时延</translation>
    </message>
    <message>
        <source>Frame rate</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>帧率</translation>
    </message>
    <message>
        <source>Frames per second</source>
        <extracomment>app/ui/preview/plot.py</extracomment>
        <translation>每秒帧数</translation>
    </message>
    <message>
        <source>Free some space on that disk.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>请释放该磁盘的空间。</translation>
    </message>
    <message>
        <source>Free some space or choose another folder.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>请释放一些空间或选择其他文件夹。</translation>
    </message>
    <message>
        <source>Free some space or look after the folder, then give the same command again: it goes on from here.</source>
        <extracomment>app/batch/jobs/journal.py</extracomment>
        <translation>请释放一些空间或检查文件夹，然后再次执行同一命令：将从此处继续。</translation>
    </message>
    <message>
        <source>Full screen</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>全屏</translation>
    </message>
    <message>
        <source>GB</source>
        <extracomment>app/ui/style/formatting.py</extracomment>
        <translation>GB</translation>
    </message>
    <message>
        <source>Gallery</source>
        <extracomment>app/ui/actions.py, app/ui/dialogs/gallery.py</extracomment>
        <translation>图库</translation>
    </message>
    <message>
        <source>Gallery…</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>图库…</translation>
    </message>
    <message>
        <source>Get a whole copy of it.</source>
        <extracomment>app/media/pictures/picture_facts.py, app/media/videos/video_reader.py</extracomment>
        <translation>请获取完整的副本。</translation>
    </message>
    <message>
        <source>Give another name: the original is never overwritten.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>请指定其他名称：原文件绝不会被覆盖。</translation>
    </message>
    <message>
        <source>Give the same command once more.</source>
        <extracomment>app/batch/videos/joining.py</extracomment>
        <translation>请再执行一次同一命令。</translation>
    </message>
    <message>
        <source>Got it</source>
        <extracomment>app/ui/dialogs/hints.py</extracomment>
        <translation>知道了</translation>
    </message>
    <message>
        <source>HOST:PORT of the stream; 127.0.0.1 is seen by this machine alone</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>流的 HOST:PORT；127.0.0.1 仅本机可见</translation>
    </message>
    <message>
        <source>Hide or show the panel</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>隐藏或显示面板</translation>
    </message>
    <message>
        <source>Hold for the original</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>按住查看原图</translation>
    </message>
    <message>
        <source>How bad</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>劣化程度</translation>
    </message>
    <message>
        <source>How many may watch the stream at once</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>可同时观看流的人数</translation>
    </message>
    <message>
        <source>How much it is degraded</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>劣化的程度</translation>
    </message>
    <message>
        <source>How much of the restored face is blended in</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>混入多少修复后的人脸</translation>
    </message>
    <message>
        <source>How often the network is applied, within what it is made for</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>网络的应用次数，须在其允许范围内</translation>
    </message>
    <message>
        <source>INT8 is the fastest on a processor, FP32 the reference; auto takes the fastest that ships</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>INT8 在处理器上最快，FP32 为基准；auto 选用附带的最快精度</translation>
    </message>
    <message>
        <source>INT8, faster</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>INT8，较快</translation>
    </message>
    <message>
        <source>If it is your own camera, say that you trust it: add #insecure to its address, or --insecure.</source>
        <extracomment>app/sources/tls.py</extracomment>
        <translation>如果是您自己的摄像机，请表明信任它：在其地址后加 #insecure，或使用 --insecure。</translation>
    </message>
    <message>
        <source>In / out</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>输入/输出</translation>
    </message>
    <message>
        <source>Install OBS 30 or newer from obsproject.com, press Start Virtual Camera in it once, then close it.</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>请从 obsproject.com 安装 OBS 30 或更高版本，在其中启动一次虚拟摄像机，然后关闭。</translation>
    </message>
    <message>
        <source>Install OBS from obsproject.com, which brings the device; Unity Capture works as well.</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>请从 obsproject.com 安装自带该设备的 OBS；也可使用 Unity Capture。</translation>
    </message>
    <message>
        <source>Install it beside this application.</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>请将其与本应用一起安装。</translation>
    </message>
    <message>
        <source>Install it: pip install fsspec s3fs paramiko</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>请安装：pip install fsspec s3fs paramiko</translation>
    </message>
    <message>
        <source>Install it: pip install -r requirements-cluster.txt</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>请安装：pip install -r requirements-cluster.txt</translation>
    </message>
    <message>
        <source>Already there and kept: {kept} of {all} files</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>已存在并保留：{all} 个文件中的 {kept} 个</translation>
    </message>
    <message>
        <source>Check how it is written.</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>请检查其写法。</translation>
    </message>
    <message>
        <source>Choose an empty folder to restore them again.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>要重新修复它们，请选择一个空文件夹。</translation>
    </message>
    <message>
        <source>Go on</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>继续</translation>
    </message>
    <message>
        <source>Install it: pip install pyvirtualcam. Then restart.</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>请安装：pip install pyvirtualcam，然后重新启动。</translation>
    </message>
    <message>
        <source>Install the same version on every machine; docs/archives.md says how.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>请在每台机器上安装相同的版本；方法见 docs/archives.md。</translation>
    </message>
    <message>
        <source>Install the same version.</source>
        <extracomment>app/batch/executors/dask_worker.py</extracomment>
        <translation>请安装相同的版本。</translation>
    </message>
    <message>
        <source>Install the same.</source>
        <extracomment>app/batch/executors/dask_worker.py</extracomment>
        <translation>请安装相同的版本。</translation>
    </message>
    <message>
        <source>It comes closer to the true face, at about {fps:.0f} frames a second with {k} cycles.</source>
        <extracomment>app/ui/flows/offer.py</extracomment>
        <translation>它更接近真实人脸，{k} 个循环时约每秒 {fps:.0f} 帧。</translation>
    </message>
    <message>
        <source>It goes on; keep the application open until {names} is in {folder}.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>编码仍在进行；请保持应用打开，直到 {names} 出现在 {folder} 中。</translation>
    </message>
    <message>
        <source>It has no name yet; the next start of the program completes it.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>它还没有名称；下次启动程序时会将其完成。</translation>
    </message>
    <message>
        <source>It has no sound</source>
        <extracomment>app/ui/texts/sound.py</extracomment>
        <translation>没有声音</translation>
    </message>
    <message>
        <source>It is connected again by name.</source>
        <extracomment>app/pipeline/capture/attempt.py, app/pipeline/capture/worker.py</extracomment>
        <translation>将按名称重新连接。</translation>
    </message>
    <message>
        <source>It is no MJPEG stream.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>它不是 MJPEG 流。</translation>
    </message>
    <message>
        <source>It is tried again.</source>
        <extracomment>app/outputs/virtual_camera.py, app/pipeline/capture/attempt.py, app/sources/mjpeg.py, app/sources/stream.py</extracomment>
        <translation>正在重试。</translation>
    </message>
    <message>
        <source>It may have run out of memory: try fewer --workers.</source>
        <extracomment>app/batch/executors/processes.py</extracomment>
        <translation>可能是内存不足：请尝试减少 --workers。</translation>
    </message>
    <message>
        <source>It was cancelled.</source>
        <extracomment>app/outputs/sharing/clip.py</extracomment>
        <translation>已取消。</translation>
    </message>
    <message>
        <source>Its address</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>地址</translation>
    </message>
    <message>
        <source>Its driver was unloaded; it is tried again.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>其驱动已卸载；正在重试。</translation>
    </message>
    <message>
        <source>Its first {seconds:.1f} s are in {kept}.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>其前 {seconds:.1f} 秒在 {kept}。</translation>
    </message>
    <message>
        <source>Its rate</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>帧率</translation>
    </message>
    <message>
        <source>Its size</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>画面大小</translation>
    </message>
    <message>
        <source>Keyboard shortcuts</source>
        <extracomment>app/ui/actions.py, app/ui/dialogs/dialogs.py, app/ui/panel/panel.py</extracomment>
        <translation>键盘快捷键</translation>
    </message>
    <message>
        <source>Language</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>语言</translation>
    </message>
    <message>
        <source>Language of the window and of messages; system follows the operating system</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>窗口和消息的语言；system 跟随操作系统</translation>
    </message>
    <message>
        <source>Largest face at twice its size</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>以两倍大小显示最大的人脸</translation>
    </message>
    <message>
        <source>Latency card</source>
        <extracomment>app/core/settings.py, app/ui/actions.py</extracomment>
        <translation>延迟卡片</translation>
    </message>
    <message>
        <source>Leave --aligned out to have the face found.</source>
        <extracomment>app/batch/worker.py</extracomment>
        <translation>去掉 --aligned 即可检测人脸。</translation>
    </message>
    <message>
        <source>Leave --aligned out.</source>
        <extracomment>app/batch/sheet.py</extracomment>
        <translation>请去掉 --aligned。</translation>
    </message>
    <message>
        <source>Leave --watch out.</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>请去掉 --watch。</translation>
    </message>
    <message>
        <source>Left half</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>左半部分</translation>
    </message>
    <message>
        <source>Let idle engine threads keep their core: a little faster alone, much slower beside other work</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>让空闲的引擎线程保持占用核心：单独运行时略快，与其他任务并行时慢得多</translation>
    </message>
    <message>
        <source>Let the name end in {known}.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>名称须以 {known} 结尾。</translation>
    </message>
    <message>
        <source>Let the picture run for some seconds.</source>
        <extracomment>app/outputs/sharing/clip.py</extracomment>
        <translation>请让画面播放几秒。</translation>
    </message>
    <message>
        <source>Level of the microphone</source>
        <extracomment>app/ui/panel/sound_row.py</extracomment>
        <translation>麦克风电平</translation>
    </message>
    <message>
        <source>Licences</source>
        <extracomment>app/ui/dialogs/about.py</extracomment>
        <translation>许可证</translation>
    </message>
    <message>
        <source>Light</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>浅色</translation>
    </message>
    <message>
        <source>Light, dark or the system&apos;s</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>浅色、深色或跟随系统</translation>
    </message>
    <message>
        <source>Live plot</source>
        <extracomment>app/core/settings.py, app/ui/actions.py</extracomment>
        <translation>实时图表</translation>
    </message>
    <message>
        <source>Live plot of the last minute</source>
        <extracomment>app/ui/preview/plot.py</extracomment>
        <translation>最近一分钟的实时图表</translation>
    </message>
    <message>
        <source>Loading the network…</source>
        <extracomment>app/ui/flows/live_state.py, app/ui/preview/state_text.py</extracomment>
        <translation>正在加载网络…</translation>
    </message>
    <message>
        <source>Longer side of the picture that the detector receives</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>检测器所接收图像的长边</translation>
    </message>
    <message>
        <source>Look for cameras again</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>重新查找摄像头</translation>
    </message>
    <message>
        <source>Look in the camera&apos;s manual for its stream address.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>请在摄像机手册中查找其流地址。</translation>
    </message>
    <message>
        <source>Looking for cameras…</source>
        <extracomment>app/ui/panel/source_menu.py</extracomment>
        <translation>正在查找摄像头…</translation>
    </message>
    <message>
        <source>Loupe at the pointer, before and after</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>指针处的放大镜，前后对比</translation>
    </message>
    <message>
        <source>Lower k before frames are dropped</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>在丢帧之前降低 k</translation>
    </message>
    <message>
        <source>MB</source>
        <extracomment>app/ui/style/formatting.py</extracomment>
        <translation>MB</translation>
    </message>
    <message>
        <source>MISSING</source>
        <extracomment>app/cli/inspection.py</extracomment>
        <translation>缺失</translation>
    </message>
    <message>
        <source>MIT licence; an installer as a whole: GPL version 3, as it contains x264</source>
        <extracomment>app/ui/dialogs/about.py</extracomment>
        <translation>MIT 许可证；安装包整体采用 GPL 第 3 版，因为其中包含 x264</translation>
    </message>
    <message>
        <source>MJPEG over HTTP, or RTSP, such as a network camera or a phone&apos;s camera app gives.</source>
        <extracomment>app/ui/dialogs/dialogs.py</extracomment>
        <translation>HTTP 上的 MJPEG 或 RTSP，例如网络摄像机或手机摄像头应用所提供的流。</translation>
    </message>
    <message>
        <source>Made bad</source>
        <extracomment>app/outputs/compose.py, app/ui/preview/state_text.py</extracomment>
        <translation>已劣化</translation>
    </message>
    <message>
        <source>Make it first or choose another one.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>请先创建它或选择其他文件夹。</translation>
    </message>
    <message>
        <source>Make it smaller, or set CFRNET_LIVE_MAX_MEGAPIXELS to more if there is memory for it.</source>
        <extracomment>app/media/pictures/picture_size.py</extracomment>
        <translation>请缩小它，如内存足够也可增大 CFRNET_LIVE_MAX_MEGAPIXELS。</translation>
    </message>
    <message>
        <source>Make it smaller, save it with fewer bits, or set CFRNET_LIVE_MAX_MEGAPIXELS to more.</source>
        <extracomment>app/media/pictures/picture_size.py</extracomment>
        <translation>请缩小它、以更少的位数保存，如内存足够也可增大 CFRNET_LIVE_MAX_MEGAPIXELS。</translation>
    </message>
    <message>
        <source>Make it smaller.</source>
        <extracomment>app/media/videos/containers.py</extracomment>
        <translation>请缩小它。</translation>
    </message>
    <message>
        <source>Make my camera bad</source>
        <extracomment>app/core/settings.py, app/ui/actions.py</extracomment>
        <translation>劣化我的摄像头</translation>
    </message>
    <message>
        <source>Make one: sudo modprobe v4l2loopback exclusive_caps=1 card_label=&apos;CFRNet Live&apos; (package v4l2loopback-dkms; Chrome needs exclusive_caps=1).</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>请创建一个：sudo modprobe v4l2loopback exclusive_caps=1 card_label=&apos;CFRNet Live&apos;（软件包 v4l2loopback-dkms；Chrome 需要 exclusive_caps=1）。</translation>
    </message>
    <message>
        <source>Making a clip of the last seconds…</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>正在生成最近几秒的片段…</translation>
    </message>
    <message>
        <source>Measuring a cycle of {name}</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>正在测量 {name} 的一个循环</translation>
    </message>
    <message>
        <source>Measuring a moving face at k = {k}</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>正在测量 k = {k} 时的移动人脸</translation>
    </message>
    <message>
        <source>Measuring this machine for about half a minute; close what else it does.</source>
        <extracomment>app/cli/inspection.py</extracomment>
        <translation>正在测量本机，约需半分钟；请关闭其他程序。</translation>
    </message>
    <message>
        <source>Measuring {name} on every provider</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>正在每个后端上测量 {name}</translation>
    </message>
    <message>
        <source>Memory</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>内存</translation>
    </message>
    <message>
        <source>Messages</source>
        <extracomment>app/ui/dialogs/notifications.py</extracomment>
        <translation>消息</translation>
    </message>
    <message>
        <source>Microphone</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>麦克风</translation>
    </message>
    <message>
        <source>Microphone by name; empty for the system&apos;s default</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>麦克风名称；留空表示系统默认</translation>
    </message>
    <message>
        <source>Milliseconds, last minute</source>
        <extracomment>app/ui/preview/plot.py</extracomment>
        <translation>毫秒，最近一分钟</translation>
    </message>
    <message>
        <source>Mirror</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>镜像</translation>
    </message>
    <message>
        <source>Mirror recordings</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>镜像录制</translation>
    </message>
    <message>
        <source>Mirror the camera</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>镜像摄像头</translation>
    </message>
    <message>
        <source>More</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>更多</translation>
    </message>
    <message>
        <source>Move the divider (picture focused)</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>移动分隔线（焦点在画面上）</translation>
    </message>
    <message>
        <source>Move to trash</source>
        <extracomment>app/ui/dialogs/gallery.py</extracomment>
        <translation>移到回收站</translation>
    </message>
    <message>
        <source>Moving face</source>
        <extracomment>app/pipeline/measuring/scene.py</extracomment>
        <translation>移动的人脸</translation>
    </message>
    <message>
        <source>Mute the video</source>
        <extracomment>app/ui/panel/transport.py</extracomment>
        <translation>视频静音</translation>
    </message>
    <message>
        <source>Name a folder beside the input.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>请指定输入旁边的文件夹。</translation>
    </message>
    <message>
        <source>Name a folder.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>请指定文件夹。</translation>
    </message>
    <message>
        <source>Name a picture.</source>
        <extracomment>app/batch/sheet.py</extracomment>
        <translation>请指定图片。</translation>
    </message>
    <message>
        <source>Name another address: originals are never overwritten.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>请指定另一个地址：原文件绝不会被覆盖。</translation>
    </message>
    <message>
        <source>Name another folder: originals are never overwritten.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>请指定其他文件夹：原文件绝不会被覆盖。</translation>
    </message>
    <message>
        <source>Name both; a dot is the current folder.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>请同时指定两者；点号表示当前文件夹。</translation>
    </message>
    <message>
        <source>Name that address itself.</source>
        <extracomment>app/sources/mjpeg.py, app/sources/rtsp.py</extracomment>
        <translation>请直接指定该地址。</translation>
    </message>
    <message>
        <source>Needs: {needs}</source>
        <extracomment>app/ui/panel/outputs.py</extracomment>
        <translation>需要：{needs}</translation>
    </message>
    <message>
        <source>Network stream</source>
        <extracomment>app/outputs/stream.py, app/sources/stream.py</extracomment>
        <translation>网络流</translation>
    </message>
    <message>
        <source>Next</source>
        <extracomment>app/ui/panel/picture_bar.py</extracomment>
        <translation>下一张</translation>
    </message>
    <message>
        <source>Next picture of the folder</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>文件夹中的下一张</translation>
    </message>
    <message>
        <source>Next view</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>下一个视图</translation>
    </message>
    <message>
        <source>No camera found</source>
        <extracomment>app/ui/panel/source_menu.py</extracomment>
        <translation>未找到摄像头</translation>
    </message>
    <message>
        <source>No camera was found.</source>
        <extracomment>app/sources/camera.py, app/ui/texts/source.py</extracomment>
        <translation>未找到摄像头。</translation>
    </message>
    <message>
        <source>No camera, so the demo clip is playing</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>没有摄像头，正在播放演示片段</translation>
    </message>
    <message>
        <source>No encoder for {width}x{height} works here.</source>
        <extracomment>app/media/videos/encoder.py</extracomment>
        <translation>此处没有可用于 {width}x{height} 的编码器。</translation>
    </message>
    <message>
        <source>No face found</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>未找到人脸</translation>
    </message>
    <message>
        <source>No face to restore</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>没有可修复的人脸</translation>
    </message>
    <message>
        <source>No face was restored within {seconds:g} s.</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>在 {seconds:g} 秒内没有修复任何人脸。</translation>
    </message>
    <message>
        <source>No microphone</source>
        <extracomment>app/ui/texts/sound.py</extracomment>
        <translation>没有麦克风</translation>
    </message>
    <message>
        <source>No scheduler answers at {address}.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>{address} 没有调度器响应。</translation>
    </message>
    <message>
        <source>No sound</source>
        <extracomment>app/ui/texts/sound.py</extracomment>
        <translation>无声音</translation>
    </message>
    <message>
        <source>No source</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>没有来源</translation>
    </message>
    <message>
        <source>No {kind} is named in {path}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>{path} 中没有列出 {kind}。</translation>
    </message>
    <message>
        <source>Nodes: {nodes}.</source>
        <extracomment>app/ui/texts/engine.py</extracomment>
        <translation>节点：{nodes}。</translation>
    </message>
    <message>
        <source>Not one of the {count} pictures in {path} can be read.</source>
        <extracomment>app/sources/images.py</extracomment>
        <translation>{path} 中的 {count} 张图片无一可读取。</translation>
    </message>
    <message>
        <source>Not one picture of {path} can be decoded.</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>{path} 的画面无一可解码。</translation>
    </message>
    <message>
        <source>Nothing of it could be kept.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>未能保留任何内容。</translation>
    </message>
    <message>
        <source>Nothing was recorded yet.</source>
        <extracomment>app/ui/dialogs/gallery.py</extracomment>
        <translation>还没有录制任何内容。</translation>
    </message>
    <message>
        <source>Now {quality}.</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>当前：{quality}。</translation>
    </message>
    <message>
        <source>Now {quality}: there is time for it.</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>当前：{quality}，时间充裕。</translation>
    </message>
    <message>
        <source>Now {quality}: {reason}.</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>当前：{quality}，{reason}。</translation>
    </message>
    <message>
        <source>ONNX Runtime used {provider} instead</source>
        <extracomment>app/restorers/contest.py</extracomment>
        <translation>ONNX Runtime 改用了 {provider}</translation>
    </message>
    <message>
        <source>Of recordings and saved files; larger ones keep small faces finer. A live recording falls back to a smaller size where this machine is too slow</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>用于录制和保存的文件；尺寸越大，小脸越细腻。本机太慢时，实时录制会改用较小尺寸</translation>
    </message>
    <message>
        <source>Offline</source>
        <extracomment>app/pipeline/live/session.py</extracomment>
        <translation>离线</translation>
    </message>
    <message>
        <source>One cycle: the least delay</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>一个循环：延迟最低</translation>
    </message>
    <message>
        <source>One face alone, the next one, all again</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>单张人脸、下一张、恢复全部</translation>
    </message>
    <message>
        <source>Open</source>
        <extracomment>app/ui/dialogs/dialogs.py</extracomment>
        <translation>打开</translation>
    </message>
    <message>
        <source>Open a file</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>打开文件</translation>
    </message>
    <message>
        <source>Open a file…</source>
        <extracomment>app/ui/actions.py, app/ui/texts/source.py</extracomment>
        <translation>打开文件…</translation>
    </message>
    <message>
        <source>Open a folder</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>打开文件夹</translation>
    </message>
    <message>
        <source>Open a folder of pictures</source>
        <extracomment>app/ui/flows/choosing.py</extracomment>
        <translation>打开图片文件夹</translation>
    </message>
    <message>
        <source>Open a folder of pictures…</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>打开图片文件夹…</translation>
    </message>
    <message>
        <source>Open a source first.</source>
        <extracomment>app/pipeline/live/recording.py, app/pipeline/live/session.py</extracomment>
        <translation>请先打开来源。</translation>
    </message>
    <message>
        <source>Open a stream</source>
        <extracomment>app/ui/actions.py, app/ui/dialogs/dialogs.py</extracomment>
        <translation>打开流</translation>
    </message>
    <message>
        <source>Open a stream…</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>打开流…</translation>
    </message>
    <message>
        <source>Open a video or a picture</source>
        <extracomment>app/ui/flows/choosing.py</extracomment>
        <translation>打开视频或图片</translation>
    </message>
    <message>
        <source>Open a video, a picture or a folder; a camera is recorded with R.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>请打开视频、图片或文件夹；摄像头请按 R 录制。</translation>
    </message>
    <message>
        <source>Open folder</source>
        <extracomment>app/ui/flows/capture.py, app/ui/flows/sharing.py</extracomment>
        <translation>打开文件夹</translation>
    </message>
    <message>
        <source>Open it in the window and record it: python main.py --source ADDRESS</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>请在窗口中打开并录制：python main.py --source ADDRESS</translation>
    </message>
    <message>
        <source>Open log&apos;s folder</source>
        <extracomment>app/ui/flows/help.py</extracomment>
        <translation>打开日志文件夹</translation>
    </message>
    <message>
        <source>Open the folder for recordings</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>打开录制文件夹</translation>
    </message>
    <message>
        <source>Open the log&apos;s folder</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>打开日志文件夹</translation>
    </message>
    <message>
        <source>Opening the first camera…</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>正在打开第一个摄像头…</translation>
    </message>
    <message>
        <source>Opening {name}…</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>正在打开 {name}…</translation>
    </message>
    <message>
        <source>Opening…</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>正在打开…</translation>
    </message>
    <message>
        <source>Opens the window. Settings given here hold this time; the others are as they were left.</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>打开窗口。此处给出的设置仅本次有效；其他设置保持不变。</translation>
    </message>
    <message>
        <source>Opens {address}</source>
        <extracomment>app/ui/dialogs/dialogs.py</extracomment>
        <translation>将打开 {address}</translation>
    </message>
    <message>
        <source>Original</source>
        <extracomment>app/batch/sheet.py, app/core/settings.py, app/outputs/compose.py, app/ui/panel/panel.py, app/ui/preview/state_text.py</extracomment>
        <translation>原图</translation>
    </message>
    <message>
        <source>Original only</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>仅原图</translation>
    </message>
    <message>
        <source>Others see</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>他人看到</translation>
    </message>
    <message>
        <source>Output size</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>输出尺寸</translation>
    </message>
    <message>
        <source>Outputs</source>
        <extracomment>app/ui/panel/outputs.py</extracomment>
        <translation>输出</translation>
    </message>
    <message>
        <source>Passes</source>
        <extracomment>app/ui/panel/cycles.py</extracomment>
        <translation>处理次数</translation>
    </message>
    <message>
        <source>Paste the picture where you like.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>请粘贴到您想要的地方。</translation>
    </message>
    <message>
        <source>Paste them where you report the problem.</source>
        <extracomment>app/ui/flows/help.py</extracomment>
        <translation>请粘贴到您报告问题的地方。</translation>
    </message>
    <message>
        <source>Pause</source>
        <extracomment>app/ui/panel/transport.py</extracomment>
        <translation>暂停</translation>
    </message>
    <message>
        <source>Pause, continue (picture focused)</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>暂停、继续（焦点在画面上）</translation>
    </message>
    <message>
        <source>Paused</source>
        <extracomment>app/pipeline/live/session.py</extracomment>
        <translation>已暂停</translation>
    </message>
    <message>
        <source>Paused. Press Space to go on</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>已暂停。按空格键继续</translation>
    </message>
    <message>
        <source>Picture before</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>上一张图片</translation>
    </message>
    <message>
        <source>Picture, before and after</source>
        <extracomment>app/ui/preview/preview.py</extracomment>
        <translation>画面，前后对比</translation>
    </message>
    <message>
        <source>Pictures</source>
        <extracomment>app/sources/images.py, app/ui/texts/source.py</extracomment>
        <translation>图片</translation>
    </message>
    <message>
        <source>Pictures per second of the virtual camera</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>虚拟摄像头每秒的图像数</translation>
    </message>
    <message>
        <source>Place in the video</source>
        <extracomment>app/ui/panel/transport.py</extracomment>
        <translation>视频位置</translation>
    </message>
    <message>
        <source>Play</source>
        <extracomment>app/ui/dialogs/gallery.py, app/ui/panel/transport.py</extracomment>
        <translation>播放</translation>
    </message>
    <message>
        <source>Play sound</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>播放声音</translation>
    </message>
    <message>
        <source>Play the demo clip</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>播放演示片段</translation>
    </message>
    <message>
        <source>Play the sound of a video</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>播放视频的声音</translation>
    </message>
    <message>
        <source>Play the video&apos;s sound</source>
        <extracomment>app/ui/panel/transport.py</extracomment>
        <translation>播放视频的声音</translation>
    </message>
    <message>
        <source>Plot the last minute under the picture</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>在画面下方绘制最近一分钟的图表</translation>
    </message>
    <message>
        <source>Plug it in or choose one of: {known}.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>请接入它，或选择以下之一：{known}。</translation>
    </message>
    <message>
        <source>Plug one in and press F5, or open a file or a stream.</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>请接入摄像头并按 F5，或打开文件或流。</translation>
    </message>
    <message>
        <source>Plug one in, or choose a file or a stream.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>请接入摄像头，或选择文件或流。</translation>
    </message>
    <message>
        <source>Position of the divider</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>分隔线的位置</translation>
    </message>
    <message>
        <source>Precision</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>精度</translation>
    </message>
    <message>
        <source>Previous</source>
        <extracomment>app/ui/panel/picture_bar.py</extracomment>
        <translation>上一张</translation>
    </message>
    <message>
        <source>Program</source>
        <extracomment>app/ui/dialogs/about.py</extracomment>
        <translation>程序</translation>
    </message>
    <message>
        <source>Progress</source>
        <extracomment>app/ui/panel/job_bar.py</extracomment>
        <translation>进度</translation>
    </message>
    <message>
        <source>Quality</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>质量</translation>
    </message>
    <message>
        <source>R records, S takes a picture.</source>
        <extracomment>app/ui/flows/first_hints.py</extracomment>
        <translation>按 R 录制，按 S 拍快照。</translation>
    </message>
    <message>
        <source>Recent</source>
        <extracomment>app/ui/panel/source_menu.py</extracomment>
        <translation>最近使用</translation>
    </message>
    <message>
        <source>Record</source>
        <extracomment>app/ui/panel/panel.py, app/ui/texts/sound.py</extracomment>
        <translation>录制</translation>
    </message>
    <message>
        <source>Record a video</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>录制视频</translation>
    </message>
    <message>
        <source>Record and save the mirrored picture too</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>同时录制和保存镜像画面</translation>
    </message>
    <message>
        <source>Record the video&apos;s own sound, or the microphone beside a camera</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>录制视频自带的声音；使用摄像头时录制麦克风</translation>
    </message>
    <message>
        <source>Record, no sound</source>
        <extracomment>app/ui/texts/sound.py</extracomment>
        <translation>录制，无声音</translation>
    </message>
    <message>
        <source>Record, stop</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>录制、停止</translation>
    </message>
    <message>
        <source>Recording</source>
        <extracomment>app/core/setting.py, app/core/settings.py, app/outputs/recordings/output.py</extracomment>
        <translation>录制</translation>
    </message>
    <message>
        <source>Recording failed: {error}.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>录制失败：{error}。</translation>
    </message>
    <message>
        <source>Recording {duration}</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>正在录制 {duration}</translation>
    </message>
    <message>
        <source>Recording {size}: {wanted} times is too slow here. Save restored… has time for it.</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>录制改用：{size}。{wanted} 倍大小在此太慢。“保存修复结果…”有足够时间。</translation>
    </message>
    <message>
        <source>Recordings and pictures</source>
        <extracomment>app/ui/dialogs/gallery.py</extracomment>
        <translation>录制和图片</translation>
    </message>
    <message>
        <source>Requested from the camera</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>向摄像头请求</translation>
    </message>
    <message>
        <source>Requested from the camera; the window shows what it delivers</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>向摄像头请求；窗口显示其实际提供的值</translation>
    </message>
    <message>
        <source>Reset all settings</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>重置所有设置</translation>
    </message>
    <message>
        <source>Resolution</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>分辨率</translation>
    </message>
    <message>
        <source>Restoration</source>
        <extracomment>app/core/setting.py, app/ui/actions.py</extracomment>
        <translation>修复</translation>
    </message>
    <message>
        <source>Restore it again when nothing writes to it.</source>
        <extracomment>app/batch/jobs/task.py</extracomment>
        <translation>请在没有程序写入它时再次修复。</translation>
    </message>
    <message>
        <source>Restore it again with --fresh.</source>
        <extracomment>app/batch/videos/joining.py</extracomment>
        <translation>请用 --fresh 重新修复。</translation>
    </message>
    <message>
        <source>Restore the largest N faces; 0 restores all</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>修复最大的 N 张人脸；0 表示全部</translation>
    </message>
    <message>
        <source>Restore the whole file</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>修复整个文件</translation>
    </message>
    <message>
        <source>Restore without it, or copy the file here first.</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>请不用该选项进行修复，或先把文件复制到本机。</translation>
    </message>
    <message>
        <source>Restored</source>
        <extracomment>app/core/settings.py, app/outputs/compose.py, app/ui/preview/state_text.py</extracomment>
        <translation>修复后</translation>
    </message>
    <message>
        <source>Restored and saved</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>已修复并保存</translation>
    </message>
    <message>
        <source>Restored only</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>仅修复结果</translation>
    </message>
    <message>
        <source>Restorer</source>
        <extracomment>app/core/settings.py, app/ui/panel/panel.py</extracomment>
        <translation>修复网络</translation>
    </message>
    <message>
        <source>Restorers are: {known}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>可用的网络：{known}。</translation>
    </message>
    <message>
        <source>Restores every face in a picture, a video (every frame and the sound are kept) or a folder of both
(names and subfolders are kept). Outside the faces nothing changes. The input is never overwritten.</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>修复图片、视频（保留所有帧和声音）或同时含有两者的文件夹中的每张人脸
（保留名称和子文件夹）。人脸以外不作任何改动。输入绝不会被覆盖。</translation>
    </message>
    <message>
        <source>Restores faces live, with a network that is applied k times (arXiv 2606.06850).</source>
        <extracomment>app/ui/dialogs/about.py</extracomment>
        <translation>用一个应用 k 次的网络实时修复人脸（arXiv 2606.06850）。</translation>
    </message>
    <message>
        <source>Restores faces live, with a small network applied k times. No command opens the window.</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>用一个应用 k 次的小型网络实时修复人脸。不带命令则打开窗口。</translation>
    </message>
    <message>
        <source>Restoring failed: {error}.</source>
        <extracomment>app/batch/background.py, app/pipeline/live/inference.py</extracomment>
        <translation>修复失败：{error}。</translation>
    </message>
    <message>
        <source>Restoring was cancelled</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>修复已取消</translation>
    </message>
    <message>
        <source>Restoring {name}</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>正在修复 {name}</translation>
    </message>
    <message>
        <source>Retry</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>重试</translation>
    </message>
    <message>
        <source>Room on the disk</source>
        <extracomment>app/outputs/recordings/output.py</extracomment>
        <translation>磁盘空间</translation>
    </message>
    <message>
        <source>Run the shards that are missing, or leave --join out to do the rest here.</source>
        <extracomment>app/batch/engine.py</extracomment>
        <translation>请运行缺少的分片，或去掉 --join 在此完成其余部分。</translation>
    </message>
    <message>
        <source>Same as the system</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>跟随系统</translation>
    </message>
    <message>
        <source>Save before and after in one picture</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>将前后对比保存为一张图片</translation>
    </message>
    <message>
        <source>Save it as RGB.</source>
        <extracomment>app/media/pictures/picture_facts.py</extracomment>
        <translation>请保存为 RGB。</translation>
    </message>
    <message>
        <source>Save it as one file, for example with `onnx.save_model(model, path)`, and describe it anew.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>请将其保存为单个文件，例如用 `onnx.save_model(model, path)`，并重新描述。</translation>
    </message>
    <message>
        <source>Save it with 8 or 16 bits.</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>请保存为 8 位或 16 位。</translation>
    </message>
    <message>
        <source>Save restored</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>保存修复结果</translation>
    </message>
    <message>
        <source>Save restored…</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>保存修复结果…</translation>
    </message>
    <message>
        <source>Save the one that is meant as a file of its own.</source>
        <extracomment>app/media/pictures/picture_facts.py</extracomment>
        <translation>请将所需的那一张另存为单独的文件。</translation>
    </message>
    <message>
        <source>Saved {names}</source>
        <extracomment>app/ui/flows/capture.py</extracomment>
        <translation>已保存 {names}</translation>
    </message>
    <message>
        <source>Saved {names}.</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>已保存 {names}。</translation>
    </message>
    <message>
        <source>Saving to the same place later goes on with what is finished.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>以后保存到同一位置时，会从已完成的部分继续。</translation>
    </message>
    <message>
        <source>Sees 16x16 pixels of a face, whatever it is given: it suits faces that are hardly larger.</source>
        <extracomment>app/restorers/families/pfsrnet.py</extracomment>
        <translation>无论输入什么，只看到人脸的 16x16 像素：适合比这大不了多少的人脸。</translation>
    </message>
    <message>
        <source>Set everything up with `python3 bootstrap.py run`; it names what the system itself lacks.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>请用 `python3 bootstrap.py run` 完成安装；它会列出系统本身缺少的内容。</translation>
    </message>
    <message>
        <source>Set the camera to a smaller size.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>请将摄像机设为较小的尺寸。</translation>
    </message>
    <message>
        <source>Settings are as they were</source>
        <extracomment>app/ui/flows/reset.py</extracomment>
        <translation>设置已恢复原状</translation>
    </message>
    <message>
        <source>Settings are at their defaults already</source>
        <extracomment>app/ui/flows/reset.py</extracomment>
        <translation>设置已是默认值</translation>
    </message>
    <message>
        <source>Settings are back to their defaults</source>
        <extracomment>app/ui/flows/reset.py</extracomment>
        <translation>设置已恢复为默认值</translation>
    </message>
    <message>
        <source>Shards keep their journals in the output folder, and that is behind an address.</source>
        <extracomment>app/batch/engine.py</extracomment>
        <translation>分片把作业日志保存在输出文件夹中，而该文件夹是一个网络地址。</translation>
    </message>
    <message>
        <source>Share the last seconds as a clip</source>
        <extracomment>app/ui/actions.py, app/ui/menus.py</extracomment>
        <translation>将最近几秒分享为片段</translation>
    </message>
    <message>
        <source>Share: clips, pictures, whole files</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>分享：片段、图片、整个文件</translation>
    </message>
    <message>
        <source>Show a camera as a mirror does; recordings are not mirrored</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>像镜子一样显示摄像头；录制不作镜像</translation>
    </message>
    <message>
        <source>Show each face&apos;s box and the cycles it took</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>显示每张人脸的边框及其循环数</translation>
    </message>
    <message>
        <source>Show in folder</source>
        <extracomment>app/ui/dialogs/gallery.py</extracomment>
        <translation>在文件夹中显示</translation>
    </message>
    <message>
        <source>Show or hide everything else: camera, cycles, outputs, engine</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>显示或隐藏其他所有内容：摄像头、循环、输出、引擎</translation>
    </message>
    <message>
        <source>Show the time of every stage</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>显示每个阶段的时间</translation>
    </message>
    <message>
        <source>Side by side</source>
        <extracomment>app/core/settings.py, app/ui/panel/panel.py</extracomment>
        <translation>并排</translation>
    </message>
    <message>
        <source>Single</source>
        <extracomment>app/ui/panel/cycles.py</extracomment>
        <translation>单次</translation>
    </message>
    <message>
        <source>Size of its picture; another shape gets bars</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>其图像尺寸；其他比例会加黑边</translation>
    </message>
    <message>
        <source>Slowed down: {rate}</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>速度降低：{rate}</translation>
    </message>
    <message>
        <source>Snapshot saved, before and after</source>
        <extracomment>app/ui/flows/capture.py</extracomment>
        <translation>快照已保存，前后各一张</translation>
    </message>
    <message>
        <source>Snapshot, before and after</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>快照，前后对比</translation>
    </message>
    <message>
        <source>Snapshot: saves before and after</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>快照：保存前后对比</translation>
    </message>
    <message>
        <source>Something unexpected went wrong: {error}</source>
        <extracomment>app/ui/reports.py</extracomment>
        <translation>发生意外错误：{error}</translation>
    </message>
    <message>
        <source>Sound</source>
        <extracomment>app/core/settings.py, app/ui/panel/sound_row.py</extracomment>
        <translation>声音</translation>
    </message>
    <message>
        <source>Sound of recordings</source>
        <extracomment>app/ui/panel/sound_row.py</extracomment>
        <translation>录制的声音</translation>
    </message>
    <message>
        <source>Source</source>
        <extracomment>app/core/setting.py, app/core/settings.py, app/ui/actions.py, app/ui/panel/panel.py</extracomment>
        <translation>来源</translation>
    </message>
    <message>
        <source>Source is {state}</source>
        <extracomment>app/ui/panel/status_line.py</extracomment>
        <translation>来源{state}</translation>
    </message>
    <message>
        <source>Source: {name}</source>
        <extracomment>app/ui/style/buttons.py</extracomment>
        <translation>来源：{name}</translation>
    </message>
    <message>
        <source>Spinning</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>忙等待</translation>
    </message>
    <message>
        <source>Split</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>分屏</translation>
    </message>
    <message>
        <source>Split as seen</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>按所见分屏</translation>
    </message>
    <message>
        <source>Split: drag the divider</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>分屏：拖动分隔线</translation>
    </message>
    <message>
        <source>Start it again and give the same command: it goes on.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>请重新启动它并再次执行同一命令：将继续进行。</translation>
    </message>
    <message>
        <source>Start it on a desktop. Without one, `{program} restore` works on files; see --help.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>请在桌面环境中启动。没有桌面时，`{program} restore` 可处理文件；参见 --help。</translation>
    </message>
    <message>
        <source>Start one with `dask scheduler`.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>请用 `dask scheduler` 启动一个。</translation>
    </message>
    <message>
        <source>Start some with `dask worker`.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>请用 `dask worker` 启动若干个。</translation>
    </message>
    <message>
        <source>Starting…</source>
        <extracomment>app/ui/panel/outputs.py, app/ui/panel/status_line.py, app/ui/preview/preview.py</extracomment>
        <translation>正在启动…</translation>
    </message>
    <message>
        <source>Steady</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>稳定</translation>
    </message>
    <message>
        <source>Stop  {duration}  {size}</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>停止  {duration}  {size}</translation>
    </message>
    <message>
        <source>Stop and close</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>停止并关闭</translation>
    </message>
    <message>
        <source>Stop below</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>停止阈值</translation>
    </message>
    <message>
        <source>Stop it first.</source>
        <extracomment>app/outputs/fanout.py, app/pipeline/live/recording.py</extracomment>
        <translation>请先停止它。</translation>
    </message>
    <message>
        <source>Stop recording</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>停止录制</translation>
    </message>
    <message>
        <source>Strength</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>强度</translation>
    </message>
    <message>
        <source>Strength down</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>降低强度</translation>
    </message>
    <message>
        <source>Strength up</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>提高强度</translation>
    </message>
    <message>
        <source>System microphone</source>
        <extracomment>app/ui/texts/sound.py</extracomment>
        <translation>系统麦克风</translation>
    </message>
    <message>
        <source>TB</source>
        <extracomment>app/ui/style/formatting.py</extracomment>
        <translation>TB</translation>
    </message>
    <message>
        <source>Target rate</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>目标帧率</translation>
    </message>
    <message>
        <source>That part is in {kept}. Add --overwrite to restore it again.</source>
        <extracomment>app/batch/run.py</extracomment>
        <translation>该部分在 {kept} 中。要重新修复请加上 --overwrite。</translation>
    </message>
    <message>
        <source>The camera does not open, so the demo clip is playing</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>摄像头无法打开，因此正在播放演示片段</translation>
    </message>
    <message>
        <source>The camera {name} cannot be opened.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>无法打开摄像头 {name}。</translation>
    </message>
    <message>
        <source>The camera {name} opens but gives no picture.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>摄像头 {name} 已打开但没有画面。</translation>
    </message>
    <message>
        <source>The camera {name} stopped giving pictures.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>摄像头 {name} 不再提供画面。</translation>
    </message>
    <message>
        <source>The chosen face is out of sight · Esc: all faces</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>所选人脸不在画面中 · Esc：所有人脸</translation>
    </message>
    <message>
        <source>The clip was not made.</source>
        <extracomment>app/outputs/sharing/clip.py</extracomment>
        <translation>片段未生成。</translation>
    </message>
    <message>
        <source>The details are in {log}</source>
        <extracomment>app/batch/background.py, app/batch/worker.py, app/cli/messages.py, app/ui/reports.py</extracomment>
        <translation>详情见 {log}</translation>
    </message>
    <message>
        <source>The disk of {folder} is almost full.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>{folder} 所在的磁盘几乎已满。</translation>
    </message>
    <message>
        <source>The encoder {encoder} cannot be used here for {width}x{height} pixels.</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>此处无法将编码器 {encoder} 用于 {width}x{height} 像素。</translation>
    </message>
    <message>
        <source>The face detector failed: {error}.</source>
        <extracomment>app/faces/detector.py</extracomment>
        <translation>人脸检测器出错：{error}。</translation>
    </message>
    <message>
        <source>The face detector is missing: {model}.</source>
        <extracomment>app/faces/detector.py</extracomment>
        <translation>缺少人脸检测器：{model}。</translation>
    </message>
    <message>
        <source>The face detector {name} was refused: {error}.</source>
        <extracomment>app/faces/detector.py</extracomment>
        <translation>人脸检测器 {name} 被拒绝：{error}。</translation>
    </message>
    <message>
        <source>The file being recorded was deleted or moved away.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>正在录制的文件已被删除或移走。</translation>
    </message>
    <message>
        <source>The file is damaged.</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>文件已损坏。</translation>
    </message>
    <message>
        <source>The folder of {path} does not exist.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>{path} 所在的文件夹不存在。</translation>
    </message>
    <message>
        <source>The folder {path} may not be read.</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>不允许读取文件夹 {path}。</translation>
    </message>
    <message>
        <source>The frame rate that auto k holds</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>自动 k 所保持的帧率</translation>
    </message>
    <message>
        <source>The inference engine failed: {error}.</source>
        <extracomment>app/restorers/engine.py</extracomment>
        <translation>推理引擎出错：{error}。</translation>
    </message>
    <message>
        <source>The inference engine refused {file}: {error}.</source>
        <extracomment>app/restorers/engine.py</extracomment>
        <translation>推理引擎拒绝了 {file}：{error}。</translation>
    </message>
    <message>
        <source>The journal in {folder} cannot be written ({error}).</source>
        <extracomment>app/batch/jobs/journal.py</extracomment>
        <translation>无法写入 {folder} 中的作业日志（{error}）。</translation>
    </message>
    <message>
        <source>The journal {path} cannot be opened ({error}).</source>
        <extracomment>app/batch/jobs/journal.py</extracomment>
        <translation>无法打开作业日志 {path}（{error}）。</translation>
    </message>
    <message>
        <source>The key of {host} is not among those that this computer knows.</source>
        <extracomment>app/media/sftp.py</extracomment>
        <translation>{host} 的密钥不在本机已知的密钥之中。</translation>
    </message>
    <message>
        <source>The list of models cannot be read: {path} ({reason}).</source>
        <extracomment>app/restorers/manifest.py</extracomment>
        <translation>无法读取模型列表：{path}（{reason}）。</translation>
    </message>
    <message>
        <source>The list of models is damaged: {path} ({error}).</source>
        <extracomment>app/restorers/manifest.py</extracomment>
        <translation>模型列表已损坏：{path}（{error}）。</translation>
    </message>
    <message>
        <source>The list of models {path} cannot be used: {error}.</source>
        <extracomment>app/restorers/manifest.py</extracomment>
        <translation>无法使用模型列表 {path}：{error}。</translation>
    </message>
    <message>
        <source>The list of models {path} lacks the field {error}.</source>
        <extracomment>app/restorers/manifest.py</extracomment>
        <translation>模型列表 {path} 缺少字段 {error}。</translation>
    </message>
    <message>
        <source>The model {name} ({precision})</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>模型 {name}（{precision}）</translation>
    </message>
    <message>
        <source>The model {name} is a {kind}, not a restorer.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>模型 {name} 是 {kind}，不是修复网络。</translation>
    </message>
    <message>
        <source>The name of {path} is too long for any disk.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>{path} 的名称对任何磁盘来说都太长。</translation>
    </message>
    <message>
        <source>The name of {path} is too long for this disk.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>{path} 的名称对此磁盘来说太长。</translation>
    </message>
    <message>
        <source>The network gave values that are no numbers.</source>
        <extracomment>app/restorers/buffers.py</extracomment>
        <translation>网络给出了非数值结果。</translation>
    </message>
    <message>
        <source>The network that restores faces</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>修复人脸的网络</translation>
    </message>
    <message>
        <source>The network that restores faces; empty for the default one</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>修复人脸的网络；留空表示默认</translation>
    </message>
    <message>
        <source>The networks were trained on pictures gathered for research. Using them for anything else is not covered by the licence of the program.</source>
        <extracomment>app/ui/dialogs/about.py</extracomment>
        <translation>这些网络使用为研究收集的图片训练。程序的许可证不涵盖其他任何用途。</translation>
    </message>
    <message>
        <source>The others are in the source menu, under Recent.</source>
        <extracomment>app/ui/flows/choosing.py</extracomment>
        <translation>其余的在来源菜单的“最近使用”中。</translation>
    </message>
    <message>
        <source>The output failed: {error}.</source>
        <extracomment>app/outputs/base.py</extracomment>
        <translation>输出出错：{error}。</translation>
    </message>
    <message>
        <source>The pieces of a video overlap.</source>
        <extracomment>app/batch/videos/joining.py</extracomment>
        <translation>视频的各段有重叠。</translation>
    </message>
    <message>
        <source>The pieces of a video were encoded differently: {name}.</source>
        <extracomment>app/batch/videos/joining.py</extracomment>
        <translation>视频的各段编码方式不同：{name}。</translation>
    </message>
    <message>
        <source>The restored picture</source>
        <extracomment>app/outputs/stream.py</extracomment>
        <translation>修复后的画面</translation>
    </message>
    <message>
        <source>The restored piece {path} cannot be read ({reason}).</source>
        <extracomment>app/batch/videos/joining.py</extracomment>
        <translation>无法读取已修复的片段 {path}（{reason}）。</translation>
    </message>
    <message>
        <source>The restorer {name} could not be loaded: {error}.</source>
        <extracomment>app/pipeline/live/loader.py</extracomment>
        <translation>无法加载网络 {name}：{error}。</translation>
    </message>
    <message>
        <source>The results cannot be printed: {reason}.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>无法输出结果：{reason}。</translation>
    </message>
    <message>
        <source>The scheduler has no workers.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>调度器没有 worker。</translation>
    </message>
    <message>
        <source>The scheduler is gone.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>调度器已不存在。</translation>
    </message>
    <message>
        <source>The sound of {path} cannot be read ({reason}).</source>
        <extracomment>app/media/videos/sound_reader.py</extracomment>
        <translation>无法读取 {path} 的声音（{reason}）。</translation>
    </message>
    <message>
        <source>The source</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>来源</translation>
    </message>
    <message>
        <source>The source cannot be opened.</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>无法打开来源。</translation>
    </message>
    <message>
        <source>The source did not open within {seconds:g} s.</source>
        <extracomment>app/pipeline/capture/worker.py</extracomment>
        <translation>来源未能在 {seconds:g} 秒内打开。</translation>
    </message>
    <message>
        <source>The source failed.</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>来源出错。</translation>
    </message>
    <message>
        <source>The source failed: {error}.</source>
        <extracomment>app/pipeline/capture/attempt.py</extracomment>
        <translation>来源出错：{error}。</translation>
    </message>
    <message>
        <source>The stream cannot be served at {host}:{port}: {reason}.</source>
        <extracomment>app/outputs/stream.py</extracomment>
        <translation>无法在 {host}:{port} 提供流：{reason}。</translation>
    </message>
    <message>
        <source>The stream {address} ended.</source>
        <extracomment>app/sources/mjpeg.py, app/sources/stream.py</extracomment>
        <translation>流 {address} 已结束。</translation>
    </message>
    <message>
        <source>The stream {address} is too slow.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>流 {address} 太慢。</translation>
    </message>
    <message>
        <source>The stream {address} sends a picture that is too large.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>流 {address} 发送的图像太大。</translation>
    </message>
    <message>
        <source>The stream {address} sends damaged pictures only.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>流 {address} 只发送损坏的图像。</translation>
    </message>
    <message>
        <source>The stream {address} sends headers that cannot be read.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>流 {address} 发送的标头无法读取。</translation>
    </message>
    <message>
        <source>The stream {address} stalled.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>流 {address} 已停滞。</translation>
    </message>
    <message>
        <source>The stream {address} stopped ({reason}).</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>流 {address} 已停止（{reason}）。</translation>
    </message>
    <message>
        <source>The stream {address} was cut.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>流 {address} 已中断。</translation>
    </message>
    <message>
        <source>The system&apos;s microphone does not open: the recording has no sound.</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>无法打开系统麦克风：录制没有声音。</translation>
    </message>
    <message>
        <source>The video&apos;s sound</source>
        <extracomment>app/ui/texts/sound.py</extracomment>
        <translation>视频的声音</translation>
    </message>
    <message>
        <source>The virtual camera needs the package pyvirtualcam, which is not installed.</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>虚拟摄像头需要软件包 pyvirtualcam，但尚未安装。</translation>
    </message>
    <message>
        <source>The virtual camera {name} is gone ({error}).</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>虚拟摄像头 {name} 已消失（{error}）。</translation>
    </message>
    <message>
        <source>The virtual camera {path} cannot be used: {reason}.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>无法使用虚拟摄像头 {path}：{reason}。</translation>
    </message>
    <message>
        <source>The worker that restored {name} died {attempts} times.</source>
        <extracomment>app/batch/executors/processes.py</extracomment>
        <translation>修复 {name} 的 worker 终止了 {attempts} 次。</translation>
    </message>
    <message>
        <source>The worker {name} cannot take part: {error}</source>
        <extracomment>app/batch/executors/dask_worker.py</extracomment>
        <translation>worker {name} 无法参加：{error}</translation>
    </message>
    <message>
        <source>The worker {name} has other networks than this machine.</source>
        <extracomment>app/batch/executors/dask_worker.py</extracomment>
        <translation>worker {name} 的网络与本机不同。</translation>
    </message>
    <message>
        <source>The worker {name} has version {there}, this is {here}.</source>
        <extracomment>app/batch/executors/dask_worker.py</extracomment>
        <translation>worker {name} 的版本为 {there}，本机为 {here}。</translation>
    </message>
    <message>
        <source>The workers that restored {name} died: {error}.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>修复 {name} 的 worker 已终止：{error}。</translation>
    </message>
    <message>
        <source>Theme</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>主题</translation>
    </message>
    <message>
        <source>There are no pictures in {folder}.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{folder} 中没有图片。</translation>
    </message>
    <message>
        <source>There are no pictures or videos in {folder}.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{folder} 中没有图片或视频。</translation>
    </message>
    <message>
        <source>There are: {known}.</source>
        <extracomment>app/batch/sheet.py</extracomment>
        <translation>可用的有：{known}。</translation>
    </message>
    <message>
        <source>There is no camera called {name}.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>没有名为 {name} 的摄像头。</translation>
    </message>
    <message>
        <source>There is no display to open a window on.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>没有可用来打开窗口的显示器。</translation>
    </message>
    <message>
        <source>There is no file or folder called {source}.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>没有名为 {source} 的文件或文件夹。</translation>
    </message>
    <message>
        <source>There is no file or folder {text}.</source>
        <extracomment>app/sources/registry.py</extracomment>
        <translation>没有文件或文件夹 {text}。</translation>
    </message>
    <message>
        <source>There is no file to save</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>没有可保存的文件</translation>
    </message>
    <message>
        <source>There is no file {path}.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>没有文件 {path}。</translation>
    </message>
    <message>
        <source>There is no free name for a recording in {folder}.</source>
        <extracomment>app/outputs/recordings/output.py</extracomment>
        <translation>{folder} 中没有可用于录制的名称。</translation>
    </message>
    <message>
        <source>There is no model {name}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>没有模型 {name}。</translation>
    </message>
    <message>
        <source>There is no output called {name}.</source>
        <extracomment>app/outputs/registry.py</extracomment>
        <translation>没有名为 {name} 的输出。</translation>
    </message>
    <message>
        <source>There is no picture in the folder {path}.</source>
        <extracomment>app/sources/images.py</extracomment>
        <translation>文件夹 {path} 中没有图片。</translation>
    </message>
    <message>
        <source>There is no picture to copy yet</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>还没有可复制的画面</translation>
    </message>
    <message>
        <source>There is no picture to record yet.</source>
        <extracomment>app/pipeline/live/recording.py</extracomment>
        <translation>还没有可录制的画面。</translation>
    </message>
    <message>
        <source>There is no picture to save yet</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>还没有可保存的画面</translation>
    </message>
    <message>
        <source>There is no picture to save yet.</source>
        <extracomment>app/pipeline/live/session.py</extracomment>
        <translation>还没有可保存的画面。</translation>
    </message>
    <message>
        <source>There is no room for a recording in {folder}.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>{folder} 中没有空间用于录制。</translation>
    </message>
    <message>
        <source>There is no room left for {path}.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>没有空间存放 {path}。</translation>
    </message>
    <message>
        <source>There is no setting called {names}.</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>没有名为 {names} 的设置。</translation>
    </message>
    <message>
        <source>There is no setting called {name}.</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>没有名为 {name} 的设置。</translation>
    </message>
    <message>
        <source>There is no view called {view}.</source>
        <extracomment>app/outputs/compose.py</extracomment>
        <translation>没有名为 {view} 的视图。</translation>
    </message>
    <message>
        <source>There is no virtual camera that can be opened.</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>没有可打开的虚拟摄像头。</translation>
    </message>
    <message>
        <source>There is no way to record called {mode}.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>没有名为 {mode} 的录制方式。</translation>
    </message>
    <message>
        <source>There is nothing at {address}.</source>
        <extracomment>app/batch/jobs/plan.py, app/media/remote.py</extracomment>
        <translation>{address} 处没有任何内容。</translation>
    </message>
    <message>
        <source>There is too little to make a clip of.</source>
        <extracomment>app/outputs/sharing/clip.py</extracomment>
        <translation>内容太少，无法生成片段。</translation>
    </message>
    <message>
        <source>They may have run out of memory.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>可能是内存不足。</translation>
    </message>
    <message>
        <source>This computer is fast enough for the network {name}</source>
        <extracomment>app/ui/flows/offer.py</extracomment>
        <translation>本机速度足以运行网络 {name}</translation>
    </message>
    <message>
        <source>This face alone · Esc: all faces</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>仅此人脸 · Esc：所有人脸</translation>
    </message>
    <message>
        <source>This machine, its driver or this FFmpeg lacks it; leave --encoder out to take x264.</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>本机、其驱动或此 FFmpeg 缺少它；去掉 --encoder 即可使用 x264。</translation>
    </message>
    <message>
        <source>This sheet</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>此列表</translation>
    </message>
    <message>
        <source>Threads</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>线程</translation>
    </message>
    <message>
        <source>Threads of the inference engine; 0 uses every physical core</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>推理引擎的线程数；0 表示使用所有物理核心</translation>
    </message>
    <message>
        <source>Three cycles: looks best</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>三个循环：观感最佳</translation>
    </message>
    <message>
        <source>Trained for one pass: fed its own output again it drifts.</source>
        <extracomment>app/restorers/families/cfrnet_d.py, app/restorers/families/hifacegan.py</extracomment>
        <translation>只为一次处理而训练：再次输入自身输出会产生漂移。</translation>
    </message>
    <message>
        <source>Tried: {names}. Reinstall the package av.</source>
        <extracomment>app/media/videos/encoder.py</extracomment>
        <translation>已尝试：{names}。请重新安装软件包 av。</translation>
    </message>
    <message>
        <source>True</source>
        <extracomment>app/outputs/compose.py</extracomment>
        <translation>真实</translation>
    </message>
    <message>
        <source>True, bad, restored</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>真实、劣化、修复</translation>
    </message>
    <message>
        <source>Try again</source>
        <extracomment>app/ui/actions.py, app/ui/flows/source.py</extracomment>
        <translation>重试</translation>
    </message>
    <message>
        <source>Try the suffix .mkv.</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>请尝试扩展名 .mkv。</translation>
    </message>
    <message>
        <source>Trying again in {seconds:.0f} s</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>{seconds:.0f} 秒后重试</translation>
    </message>
    <message>
        <source>Trying to reconnect…</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>正在尝试重新连接…</translation>
    </message>
    <message>
        <source>Twice as large</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>两倍大小</translation>
    </message>
    <message>
        <source>Two cycles: nearest to the true face</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>两个循环：最接近真实人脸</translation>
    </message>
    <message>
        <source>Two files</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>两个文件</translation>
    </message>
    <message>
        <source>Undo</source>
        <extracomment>app/ui/flows/reset.py</extracomment>
        <translation>撤销</translation>
    </message>
    <message>
        <source>Undo a settings reset</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>撤销设置重置</translation>
    </message>
    <message>
        <source>Undo the reset</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>撤销重置</translation>
    </message>
    <message>
        <source>Use http:// or rtsp://.</source>
        <extracomment>app/sources/registry.py</extracomment>
        <translation>请使用 http:// 或 rtsp://。</translation>
    </message>
    <message>
        <source>Use one of {names}.</source>
        <extracomment>app/batch/videos/restore.py, app/media/pictures/picture.py, app/outputs/recordings/recorder.py, app/outputs/registry.py</extracomment>
        <translation>请使用以下之一：{names}。</translation>
    </message>
    <message>
        <source>Use side-by-side, split or restored.</source>
        <extracomment>app/outputs/compose.py</extracomment>
        <translation>请使用 side-by-side、split 或 restored。</translation>
    </message>
    <message>
        <source>Use {name}</source>
        <extracomment>app/ui/flows/offer.py</extracomment>
        <translation>使用 {name}</translation>
    </message>
    <message>
        <source>Using {provider}.</source>
        <extracomment>app/ui/texts/engine.py</extracomment>
        <translation>正在使用 {provider}。</translation>
    </message>
    <message>
        <source>Video</source>
        <extracomment>app/sources/video.py</extracomment>
        <translation>视频</translation>
    </message>
    <message>
        <source>Videos</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>视频</translation>
    </message>
    <message>
        <source>Videos and pictures</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>视频和图片</translation>
    </message>
    <message>
        <source>View</source>
        <extracomment>app/core/setting.py, app/core/settings.py, app/ui/actions.py, app/ui/panel/panel.py</extracomment>
        <translation>视图</translation>
    </message>
    <message>
        <source>Viewers</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>观看人数</translation>
    </message>
    <message>
        <source>Virtual camera</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>虚拟摄像头</translation>
    </message>
    <message>
        <source>Wait a moment.</source>
        <extracomment>app/pipeline/live/recording.py</extracomment>
        <translation>请稍候。</translation>
    </message>
    <message>
        <source>Wait for it, or give another output.</source>
        <extracomment>app/batch/jobs/journal.py</extracomment>
        <translation>请等待其完成，或指定其他输出。</translation>
    </message>
    <message>
        <source>Wait for them, or cancel below.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>请等待其完成，或在下方取消。</translation>
    </message>
    <message>
        <source>What an interrupted run had restored of it is in {kept}.</source>
        <extracomment>app/batch/run.py</extracomment>
        <translation>中断的运行已修复的部分在 {kept}。</translation>
    </message>
    <message>
        <source>What could be restored of it is in {kept}.</source>
        <extracomment>app/batch/videos/incomplete.py</extracomment>
        <translation>能够修复的部分在 {kept}。</translation>
    </message>
    <message>
        <source>What is recorded</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>录制的内容</translation>
    </message>
    <message>
        <source>What is recorded beside the pictures</source>
        <extracomment>app/ui/panel/sound_row.py</extracomment>
        <translation>随画面一起录制的声音</translation>
    </message>
    <message>
        <source>What runs the network; auto takes the fastest here, one that is not available is replaced by the CPU</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>运行网络的设备；auto 选用此处最快的，不可用时改用 CPU</translation>
    </message>
    <message>
        <source>What the preview shows</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>预览显示的内容</translation>
    </message>
    <message>
        <source>What the virtual camera and the stream show</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>虚拟摄像头和流显示的内容</translation>
    </message>
    <message>
        <source>What was finished is kept.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>已完成的内容予以保留。</translation>
    </message>
    <message>
        <source>When the window was closed</source>
        <extracomment>app/ui/flows/capture.py</extracomment>
        <translation>关闭窗口时</translation>
    </message>
    <message>
        <source>Where recordings and snapshots go; empty for the system&apos;s videos folder</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>录制和快照的存放位置；留空表示系统的视频文件夹</translation>
    </message>
    <message>
        <source>Whole picture again</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>恢复完整画面</translation>
    </message>
    <message>
        <source>Windows with a DirectX 12 card; pip install onnxruntime-directml in place of onnxruntime.</source>
        <extracomment>app/restorers/providers.py</extracomment>
        <translation>带 DirectX 12 显卡的 Windows；用 pip install onnxruntime-directml 代替 onnxruntime。</translation>
    </message>
    <message>
        <source>Write HOST:PORT, such as 127.0.0.1:8090.</source>
        <extracomment>app/outputs/stream.py</extracomment>
        <translation>请写成 HOST:PORT，例如 127.0.0.1:8090。</translation>
    </message>
    <message>
        <source>Write Original and Restored, and a thin line between them, into every output that shows both</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>在每个同时显示两者的输出中写上“原图”和“修复后”，并在中间画一条细线</translation>
    </message>
    <message>
        <source>Write a PNG instead.</source>
        <extracomment>app/media/pictures/picture_encoding.py</extracomment>
        <translation>请改为写入 PNG。</translation>
    </message>
    <message>
        <source>Write them as http://NAME:PASSWORD@...</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>请写成 http://NAME:PASSWORD@...</translation>
    </message>
    <message>
        <source>Write them in place of the dots.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>请把它们写在省略号处。</translation>
    </message>
    <message>
        <source>a Dask scheduler, such as tcp://scheduler:8786</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>Dask 调度器，例如 tcp://scheduler:8786</translation>
    </message>
    <message>
        <source>a cycle, median</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>一个循环，中位数</translation>
    </message>
    <message>
        <source>a data track</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>数据轨道</translation>
    </message>
    <message>
        <source>a number</source>
        <extracomment>app/core/setting.py</extracomment>
        <translation>数字</translation>
    </message>
    <message>
        <source>a number from {low:g} to {high:g}</source>
        <extracomment>app/core/setting.py</extracomment>
        <translation>{low:g} 到 {high:g} 的数字</translation>
    </message>
    <message>
        <source>a picture, a video or a folder</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>图片、视频或文件夹</translation>
    </message>
    <message>
        <source>a whole number from {low:g} to {high:g}</source>
        <extracomment>app/core/setting.py</extracomment>
        <translation>{low:g} 到 {high:g} 的整数</translation>
    </message>
    <message>
        <source>about {count} of its pictures are missing</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>大约缺少 {count} 帧画面</translation>
    </message>
    <message>
        <source>access is not allowed</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>不允许访问</translation>
    </message>
    <message>
        <source>age when finished</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>完成时的时延</translation>
    </message>
    <message>
        <source>align</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>对齐</translation>
    </message>
    <message>
        <source>all but cycles</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>除循环外</translation>
    </message>
    <message>
        <source>already there, kept: {kept} of {all} files, first {first}; --overwrite replaces them</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>已存在并保留：{all} 个文件中的 {kept} 个，第一个是 {first}；--overwrite 可替换它们</translation>
    </message>
    <message>
        <source>also write the medians to FILE</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>同时将中位数写入 FILE</translation>
    </message>
    <message>
        <source>an attached file</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>附加文件</translation>
    </message>
    <message>
        <source>an unknown track</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>未知轨道</translation>
    </message>
    <message>
        <source>another process</source>
        <extracomment>app/batch/jobs/journal.py</extracomment>
        <translation>另一个进程</translation>
    </message>
    <message>
        <source>another video</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>另一个视频</translation>
    </message>
    <message>
        <source>argument %(argument_name)s: %(message)s</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>参数 %(argument_name)s：%(message)s</translation>
    </message>
    <message>
        <source>at the source&apos;s size</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>来源尺寸</translation>
    </message>
    <message>
        <source>auto k: {k} of {wanted}</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>自动 k：{k}/{wanted}</translation>
    </message>
    <message>
        <source>be a camera that video calls can choose</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>成为视频通话可选用的摄像头</translation>
    </message>
    <message>
        <source>begin anew instead of going on where a run stopped</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>重新开始，而不是从上次停止处继续</translation>
    </message>
    <message>
        <source>budget</source>
        <extracomment>app/ui/preview/plot.py</extracomment>
        <translation>时间预算</translation>
    </message>
    <message>
        <source>connecting</source>
        <extracomment>app/cli/live.py, app/ui/panel/status_line.py</extracomment>
        <translation>正在连接</translation>
    </message>
    <message>
        <source>cycle {number}</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>循环 {number}</translation>
    </message>
    <message>
        <source>detect</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>检测</translation>
    </message>
    <message>
        <source>do not check the certificate of the address that --source names</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>不检查 --source 所指地址的证书</translation>
    </message>
    <message>
        <source>do part I of N only, as in a job array</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>只处理 N 份中的第 I 份，如同作业数组</translation>
    </message>
    <message>
        <source>dropped frames</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>丢帧</translation>
    </message>
    <message>
        <source>ended</source>
        <extracomment>app/cli/live.py, app/ui/panel/status_line.py</extracomment>
        <translation>已结束</translation>
    </message>
    <message>
        <source>error: {what}</source>
        <extracomment>app/cli/messages.py, app/cli/parser.py</extracomment>
        <translation>错误：{what}</translation>
    </message>
    <message>
        <source>even k = {k} is too slow, frames are dropped</source>
        <extracomment>app/pipeline/budget.py</extracomment>
        <translation>即使 k = {k} 也会丢帧</translation>
    </message>
    <message>
        <source>examples:</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>示例：</translation>
    </message>
    <message>
        <source>exit codes: 0 the work was done, 1 it was not (one line on stderr says why), 2 a wrong option, 130 interrupted</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>退出码：0 已完成，1 未完成（stderr 中有一行说明原因），2 选项错误，130 已中断</translation>
    </message>
    <message>
        <source>expected at least one argument</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>至少需要一个参数</translation>
    </message>
    <message>
        <source>expected one argument</source>
        <extracomment>app/cli/argument_words.py, app/cli/parser.py</extracomment>
        <translation>需要一个参数</translation>
    </message>
    <message>
        <source>failed</source>
        <extracomment>app/cli/live.py, app/ui/panel/status_line.py</extracomment>
        <translation>失败</translation>
    </message>
    <message>
        <source>fps</source>
        <extracomment>app/core/settings.py, app/pipeline/measuring/bench.py</extracomment>
        <translation>fps</translation>
    </message>
    <message>
        <source>frame age</source>
        <extracomment>app/ui/preview/plot.py</extracomment>
        <translation>帧时延</translation>
    </message>
    <message>
        <source>from CPU</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>与 CPU 差</translation>
    </message>
    <message>
        <source>go on restoring what arrives in the folder, until Ctrl-C</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>持续修复文件夹中新出现的内容，直到按下 Ctrl-C</translation>
    </message>
    <message>
        <source>going on where an earlier run stopped; restored already: {done}</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>从上次停止处继续；已修复：{done}</translation>
    </message>
    <message>
        <source>hint: {what}</source>
        <extracomment>app/cli/messages.py, app/cli/parser.py</extracomment>
        <translation>提示：{what}</translation>
    </message>
    <message>
        <source>ignored explicit argument %r</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>忽略显式参数 %r</translation>
    </message>
    <message>
        <source>interrupted: what was finished is kept, nothing half-written was left.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>已中断：已完成的内容予以保留，没有留下写了一半的文件。</translation>
    </message>
    <message>
        <source>invalid %(type)s value: %(value)r</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>%(type)s 的值无效：%(value)r</translation>
    </message>
    <message>
        <source>invalid choice: %(value)r (choose from %(choices)s)</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>选项无效：%(value)r（可选：%(choices)s）</translation>
    </message>
    <message>
        <source>invalid choice: %(value)r, maybe you meant %(closest)r? (choose from %(choices)s)</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>选项无效：%(value)r，您是指 %(closest)r 吗？（可选：%(choices)s）</translation>
    </message>
    <message>
        <source>it asks for a name and a password</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>需要用户名和密码</translation>
    </message>
    <message>
        <source>it cannot be read</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>无法读取</translation>
    </message>
    <message>
        <source>it crashed (exit code {code})</source>
        <extracomment>app/restorers/probe.py</extracomment>
        <translation>已崩溃（退出码 {code}）</translation>
    </message>
    <message>
        <source>it did not answer within {seconds:g} s</source>
        <extracomment>app/restorers/probe.py</extracomment>
        <translation>在 {seconds:g} 秒内没有响应</translation>
    </message>
    <message>
        <source>it gave nothing</source>
        <extracomment>app/restorers/contest.py</extracomment>
        <translation>没有结果</translation>
    </message>
    <message numerus="yes">
        <source>it is damaged in {n} places, where pictures may be spoilt or missing</source>
        <extracomment>app/batch/videos/output.py; for one: it is damaged in one place, where pictures may be spoilt or missing</extracomment>
        <translation>
            <numerusform>有 {n} 处损坏，那里的画面可能有错误或缺失</numerusform>
        </translation>
    </message>
    <message>
        <source>it is interlaced and was marked progressive</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>它是隔行视频，已标记为逐行</translation>
    </message>
    <message>
        <source>its CMYK colours became RGB</source>
        <extracomment>app/media/pictures/picture_facts.py</extracomment>
        <translation>其 CMYK 颜色已变为 RGB</translation>
    </message>
    <message>
        <source>its Dolby Vision data</source>
        <extracomment>app/media/videos/side_data.py</extracomment>
        <translation>Dolby Vision 数据</translation>
    </message>
    <message>
        <source>its EXIF data</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>EXIF 数据</translation>
    </message>
    <message>
        <source>its HDR Vivid data</source>
        <extracomment>app/media/videos/side_data.py</extracomment>
        <translation>HDR Vivid 数据</translation>
    </message>
    <message>
        <source>its HDR10 description (mastering display, light levels) was left out</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>其 HDR10 描述（母版显示器、亮度级别）已略去</translation>
    </message>
    <message>
        <source>its HDR10+ data</source>
        <extracomment>app/media/videos/side_data.py</extracomment>
        <translation>HDR10+ 数据</translation>
    </message>
    <message>
        <source>its XMP data</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>XMP 数据</translation>
    </message>
    <message>
        <source>its closed captions, which are inside the pictures</source>
        <extracomment>app/media/videos/side_data.py</extracomment>
        <translation>画面中的隐藏字幕</translation>
    </message>
    <message>
        <source>its colour profile</source>
        <extracomment>app/media/pictures/picture.py, app/media/videos/side_data.py</extracomment>
        <translation>颜色配置文件</translation>
    </message>
    <message>
        <source>its colours, stored as floating-point numbers, became {bits} bits</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>其颜色以浮点数存储，已变为 {bits} 位</translation>
    </message>
    <message>
        <source>its colours, stored at {sampling}, became 4:2:0</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>其颜色以 {sampling} 存储，已变为 4:2:0</translation>
    </message>
    <message>
        <source>its content credentials (C2PA)</source>
        <extracomment>app/media/pictures/jpeg_parts.py</extracomment>
        <translation>其内容凭证（C2PA）</translation>
    </message>
    <message>
        <source>its contents are damaged or of an unknown format</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>内容已损坏或格式未知</translation>
    </message>
    <message>
        <source>its cover picture</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>封面图片</translation>
    </message>
    <message>
        <source>its description as a 3D video</source>
        <extracomment>app/media/videos/side_data.py</extracomment>
        <translation>3D 视频描述</translation>
    </message>
    <message>
        <source>its description as a panorama</source>
        <extracomment>app/media/videos/side_data.py</extracomment>
        <translation>全景描述</translation>
    </message>
    <message>
        <source>its extended XMP data, such as its depth</source>
        <extracomment>app/media/pictures/jpeg_parts.py</extracomment>
        <translation>其扩展 XMP 数据，例如深度</translation>
    </message>
    <message>
        <source>its high dynamic range is not marked any more</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>不再带有高动态范围标记</translation>
    </message>
    <message>
        <source>its picture is {levels:.1f} levels from the CPU&apos;s</source>
        <extracomment>app/restorers/contest.py</extracomment>
        <translation>其图像与 CPU 的相差 {levels:.1f} 级</translation>
    </message>
    <message>
        <source>its pictures end {seconds:.1f} s before the rest of it</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>其画面比其余部分早 {seconds:.1f} 秒结束</translation>
    </message>
    <message>
        <source>its resolution</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>分辨率</translation>
    </message>
    <message>
        <source>its sound ({codec}) became AAC, as the format cannot hold it</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>其声音（{codec}）已变为 AAC，因为格式无法容纳</translation>
    </message>
    <message>
        <source>its sound ({codec}) became AAC, as the format cannot hold it; a name that ends in .mkv keeps it</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>其声音（{codec}）已变为 AAC，因为格式无法容纳；以 .mkv 结尾的名称可予保留</translation>
    </message>
    <message>
        <source>its transparency</source>
        <extracomment>app/media/pictures/picture.py, app/media/pictures/picture_facts.py</extracomment>
        <translation>透明度</translation>
    </message>
    <message>
        <source>its transparency was left out</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>其透明度已略去</translation>
    </message>
    <message>
        <source>its {bits} bits a colour became {kept}</source>
        <extracomment>app/batch/videos/output.py, app/media/pictures/picture.py</extracomment>
        <translation>其每种颜色 {bits} 位已变为 {kept} 位</translation>
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
            <numerusform>未处理：其他 {n} 个文件：{names}</numerusform>
        </translation>
    </message>
    <message>
        <source>left out from a damaged place on: {track}</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>从损坏处起省略：{track}</translation>
    </message>
    <message>
        <source>left out, as a {suffix} does not hold it: {parts}</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>已略去，因为 {suffix} 无法容纳：{parts}</translation>
    </message>
    <message>
        <source>left out, as the format cannot hold it: {tracks}</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>已略去，因为格式无法容纳：{tracks}</translation>
    </message>
    <message>
        <source>left out, as the format cannot hold it: {tracks}; a name that ends in .mkv may keep them</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>已略去，因为格式无法容纳：{tracks}；以 .mkv 结尾的名称或可保留</translation>
    </message>
    <message>
        <source>left out: its colour profile, which is damaged or not one for its colours</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>已略去：其颜色配置文件已损坏或不适用于其颜色</translation>
    </message>
    <message numerus="yes">
        <source>left out: {n} further pictures in the file, such as a preview or what makes it HDR</source>
        <extracomment>app/media/pictures/jpeg_parts.py; for one: left out: {n} further picture in the file, such as a preview or what makes it HDR</extracomment>
        <translation>
            <numerusform>已略去：文件中的另外 {n} 张图片，例如预览图或使其成为 HDR 的内容</numerusform>
        </translation>
    </message>
    <message>
        <source>left out: {parts}</source>
        <extracomment>app/batch/videos/output.py, app/media/pictures/jpeg_parts.py, app/media/pictures/picture.py, app/media/pictures/picture_facts.py</extracomment>
        <translation>已略去：{parts}</translation>
    </message>
    <message>
        <source>licence: {licence}</source>
        <extracomment>app/cli/inspection.py</extracomment>
        <translation>许可证：{licence}</translation>
    </message>
    <message>
        <source>list the cameras by name</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>按名称列出摄像头</translation>
    </message>
    <message>
        <source>list the shipped networks and check their hashes</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>列出附带的网络并检查其哈希值</translation>
    </message>
    <message>
        <source>list the shipped networks and verify their SHA-256</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>列出附带的网络并验证其 SHA-256</translation>
    </message>
    <message>
        <source>live</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>运行中</translation>
    </message>
    <message>
        <source>live needs an output: --virtual-camera, --serve or both</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>live 需要一个输出：--virtual-camera、--serve 或两者</translation>
    </message>
    <message>
        <source>lowered to {k}</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>已降至 {k}</translation>
    </message>
    <message>
        <source>macOS 12 or newer; it comes with onnxruntime.</source>
        <extracomment>app/restorers/providers.py</extracomment>
        <translation>macOS 12 或更高版本；随 onnxruntime 提供。</translation>
    </message>
    <message>
        <source>make bad</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>劣化</translation>
    </message>
    <message>
        <source>make the result 1, 2 or 4 times as large: faces keep the pixels that the network gives them, the rest is enlarged (default 1)</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>使结果为原来的 1、2 或 4 倍大小：人脸保留网络给出的像素，其余部分放大（默认 1）</translation>
    </message>
    <message>
        <source>make the whole of what all the shards have done</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>将所有分片完成的内容合并</translation>
    </message>
    <message>
        <source>measure every network on everything here that can run one, and stop</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>在此处所有能运行的设备上测量每个网络，然后结束</translation>
    </message>
    <message>
        <source>measure the networks and the pipeline on this machine</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>在本机上测量网络和处理流程</translation>
    </message>
    <message>
        <source>measure this machine</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>测量本机</translation>
    </message>
    <message>
        <source>network</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>网络</translation>
    </message>
    <message>
        <source>no</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>否</translation>
    </message>
    <message>
        <source>no camera was found.</source>
        <extracomment>app/cli/inspection.py</extracomment>
        <translation>未找到摄像头。</translation>
    </message>
    <message>
        <source>no cycles</source>
        <extracomment>app/ui/preview/scene.py</extracomment>
        <translation>无循环</translation>
    </message>
    <message>
        <source>no face was found</source>
        <extracomment>app/batch/worker.py</extracomment>
        <translation>未找到人脸</translation>
    </message>
    <message>
        <source>no face was found in any of its frames</source>
        <extracomment>app/batch/worker.py</extracomment>
        <translation>所有帧中均未找到人脸</translation>
    </message>
    <message>
        <source>no face was found, every part is the picture itself</source>
        <extracomment>app/batch/sheet.py</extracomment>
        <translation>未找到人脸，各部分均为原图</translation>
    </message>
    <message>
        <source>no face was found, it was only enlarged</source>
        <extracomment>app/batch/worker.py</extracomment>
        <translation>未找到人脸，仅作了放大</translation>
    </message>
    <message>
        <source>no face was found, it was written unchanged</source>
        <extracomment>app/batch/worker.py</extracomment>
        <translation>未找到人脸，已原样写入</translation>
    </message>
    <message>
        <source>no window: a camera for calls, and a stream for OBS or a browser</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>无窗口：供通话使用的摄像头，以及供 OBS 或浏览器使用的流</translation>
    </message>
    <message>
        <source>nodes</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>节点</translation>
    </message>
    <message>
        <source>not allowed with argument %s</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>不能与参数 %s 同时使用</translation>
    </message>
    <message>
        <source>not here: {provider}. {needs}</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>此处不可用：{provider}。{needs}</translation>
    </message>
    <message>
        <source>not usable</source>
        <extracomment>app/ui/texts/engine.py</extracomment>
        <translation>不可用</translation>
    </message>
    <message>
        <source>note: {what}</source>
        <extracomment>app/cli/messages.py</extracomment>
        <translation>注意：{what}</translation>
    </message>
    <message>
        <source>nothing answers at this address</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>此地址无响应</translation>
    </message>
    <message>
        <source>of an unknown kind</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>未知类型</translation>
    </message>
    <message>
        <source>of {budget}</source>
        <extracomment>app/ui/preview/overlay.py</extracomment>
        <translation>/ {budget}</translation>
    </message>
    <message>
        <source>off</source>
        <extracomment>app/ui/panel/bindings.py</extracomment>
        <translation>关</translation>
    </message>
    <message>
        <source>offline</source>
        <extracomment>app/cli/live.py, app/ui/panel/status_line.py</extracomment>
        <translation>离线</translation>
    </message>
    <message>
        <source>ok</source>
        <extracomment>app/cli/inspection.py</extracomment>
        <translation>正常</translation>
    </message>
    <message>
        <source>one face at {fps:g} fps</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>{fps:g} fps 的一张人脸</translation>
    </message>
    <message>
        <source>one of the arguments %s is required</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>需要参数 %s 之一</translation>
    </message>
    <message>
        <source>one of {choices}</source>
        <extracomment>app/core/setting.py</extracomment>
        <translation>{choices} 之一</translation>
    </message>
    <message>
        <source>one picture</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>单张图片</translation>
    </message>
    <message>
        <source>online</source>
        <extracomment>app/cli/live.py, app/ui/panel/status_line.py</extracomment>
        <translation>在线</translation>
    </message>
    <message>
        <source>open the window (the default); every setting can be given as an option</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>打开窗口（默认）；每项设置都可作为选项给出</translation>
    </message>
    <message>
        <source>open the window on a network camera</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>用网络摄像机打开窗口</translation>
    </message>
    <message>
        <source>open the window on a video, two cycles</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>用视频打开窗口，两个循环</translation>
    </message>
    <message>
        <source>open the window on the last used or first camera</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>用上次使用的或第一个摄像头打开窗口</translation>
    </message>
    <message>
        <source>options</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>选项</translation>
    </message>
    <message>
        <source>other</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>另一网络</translation>
    </message>
    <message>
        <source>paint</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>绘制</translation>
    </message>
    <message>
        <source>paste</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>贴回</translation>
    </message>
    <message>
        <source>positional arguments</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>位置参数</translation>
    </message>
    <message>
        <source>precision</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>精度</translation>
    </message>
    <message>
        <source>print the milliseconds of every stage as JSON on stdout</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>以 JSON 形式在 stdout 上打印每个阶段的毫秒数</translation>
    </message>
    <message>
        <source>processes that restore side by side, each with one thread of the engine (default: as many as this machine&apos;s cores and memory carry, and one where there is little to do)</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>并行修复的进程数，每个进程使用一个引擎线程（默认：取决于本机核心数和内存，工作量小时为一个）</translation>
    </message>
    <message>
        <source>processing</source>
        <extracomment>app/ui/preview/plot.py</extracomment>
        <translation>处理</translation>
    </message>
    <message>
        <source>provider</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>后端</translation>
    </message>
    <message>
        <source>pyvirtualcam knows no driver for this system.</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>pyvirtualcam 没有适用于此系统的驱动。</translation>
    </message>
    <message>
        <source>replace files that are there; without it they are kept</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>替换已存在的文件；否则予以保留</translation>
    </message>
    <message>
        <source>restore a camera, file or stream without a window, for a virtual camera or the network</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>不打开窗口修复摄像头、文件或流，供虚拟摄像头或网络使用</translation>
    </message>
    <message>
        <source>restore a picture, a video or a folder</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>修复图片、视频或文件夹</translation>
    </message>
    <message>
        <source>restore works on files, and {address} is a stream.</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>restore 处理文件，而 {address} 是一个流。</translation>
    </message>
    <message>
        <source>restorers, with commas between: write one labelled sheet of a picture and what each makes of it</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>以逗号分隔的网络：写出一张带标注的对比图，包含图片和各网络的结果</translation>
    </message>
    <message>
        <source>restoring</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>正在修复</translation>
    </message>
    <message>
        <source>serve MJPEG over HTTP, with a page on / (default %(const)s, which this machine alone can see)</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>通过 HTTP 提供 MJPEG，页面位于 /（默认 %(const)s，仅本机可见）</translation>
    </message>
    <message>
        <source>several networks on one labelled sheet</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>在一张带标注的图上比较多个网络</translation>
    </message>
    <message>
        <source>show program&apos;s version number and exit</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>显示程序版本号并退出</translation>
    </message>
    <message>
        <source>show this help message and exit</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>显示此帮助并退出</translation>
    </message>
    <message>
        <source>something unexpected went wrong ({error}).</source>
        <extracomment>app/batch/worker.py, app/cli/messages.py</extracomment>
        <translation>发生意外错误（{error}）。</translation>
    </message>
    <message>
        <source>sound</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>声音</translation>
    </message>
    <message>
        <source>source: {facts}</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>来源：{facts}</translation>
    </message>
    <message>
        <source>square</source>
        <extracomment>app/ui/menus.py</extracomment>
        <translation>方形</translation>
    </message>
    <message>
        <source>starting</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>正在启动</translation>
    </message>
    <message>
        <source>stopped</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>已停止</translation>
    </message>
    <message>
        <source>stopped.</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>已停止。</translation>
    </message>
    <message>
        <source>subtitles</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>字幕</translation>
    </message>
    <message>
        <source>tall</source>
        <extracomment>app/ui/menus.py</extracomment>
        <translation>竖幅</translation>
    </message>
    <message>
        <source>text</source>
        <extracomment>app/core/setting.py</extracomment>
        <translation>文本</translation>
    </message>
    <message>
        <source>that is no name of a host</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>这不是主机名</translation>
    </message>
    <message>
        <source>the file is damaged ({error}): what cannot be read was filled in</source>
        <extracomment>app/media/pictures/picture_facts.py</extracomment>
        <translation>文件已损坏（{error}）：无法读取的部分已被填充</translation>
    </message>
    <message>
        <source>the file or folder to write</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>要写入的文件或文件夹</translation>
    </message>
    <message>
        <source>the following arguments are required: %s</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>需要以下参数：%s</translation>
    </message>
    <message>
        <source>the journal was damaged; it is kept as {path}</source>
        <extracomment>app/batch/run.py</extracomment>
        <translation>作业日志已损坏；已保留为 {path}</translation>
    </message>
    <message>
        <source>the other side closed the connection</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>对方关闭了连接</translation>
    </message>
    <message>
        <source>there is no network</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>没有网络连接</translation>
    </message>
    <message>
        <source>there is no way to this address</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>无法到达此地址</translation>
    </message>
    <message>
        <source>there is nothing at this address</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>此地址没有内容</translation>
    </message>
    <message>
        <source>there is nothing of that name</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>没有该名称的内容</translation>
    </message>
    <message>
        <source>there is room for more cycles, which are used if it lasts</source>
        <extracomment>app/pipeline/budget.py</extracomment>
        <translation>有余力进行更多循环，若能持续便会使用</translation>
    </message>
    <message>
        <source>there was no answer in time</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>未及时响应</translation>
    </message>
    <message>
        <source>this kind of address is not known</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>此类地址未知</translation>
    </message>
    <message>
        <source>true or false</source>
        <extracomment>app/core/setting.py</extracomment>
        <translation>true 或 false</translation>
    </message>
    <message>
        <source>try a file that fails once more at the end</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>在最后重试失败的文件</translation>
    </message>
    <message>
        <source>unknown</source>
        <extracomment>app/restorers/base.py</extracomment>
        <translation>未知</translation>
    </message>
    <message>
        <source>unrecognized arguments: %s</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>无法识别的参数：%s</translation>
    </message>
    <message>
        <source>usage: </source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>用法： </translation>
    </message>
    <message>
        <source>waiting</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>等待中</translation>
    </message>
    <message>
        <source>watching {path}; Ctrl-C ends it</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>正在监视 {path}；按 Ctrl-C 结束</translation>
    </message>
    <message>
        <source>what else its format notes beside the pixels, such as texts</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>其格式在像素之外记录的其他内容，例如文本</translation>
    </message>
    <message>
        <source>what was done of a video is kept; the same command goes on from there</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>视频中已完成的部分予以保留；同一命令将从此处继续</translation>
    </message>
    <message>
        <source>what writes videos: x264 at CRF 16, or a hardware encoder at a like quality, which this machine and its FFmpeg have to have (default x264)</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>写入视频所用的编码器：CRF 16 的 x264，或质量相近的硬件编码器（本机及其 FFmpeg 须具备；默认 x264）</translation>
    </message>
    <message>
        <source>wide</source>
        <extracomment>app/ui/menus.py</extracomment>
        <translation>宽幅</translation>
    </message>
    <message>
        <source>with the milliseconds of every stage</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>附带每个阶段的毫秒数</translation>
    </message>
    <message>
        <source>write the original and the restored one next to each other</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>将原图和修复结果并排写出</translation>
    </message>
    <message>
        <source>yes</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>是</translation>
    </message>
    <message>
        <source>{about}, {size}, in {folder}</source>
        <extracomment>app/ui/flows/capture.py</extracomment>
        <translation>{about}，{size}，位于 {folder}</translation>
    </message>
    <message>
        <source>{address} answers but gives no picture: {what}</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>{address} 有响应但没有画面：{what}</translation>
    </message>
    <message>
        <source>{address} answers {status} {reason}.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} 返回 {status} {reason}。</translation>
    </message>
    <message>
        <source>{address} asks for a name and a password.</source>
        <extracomment>app/sources/mjpeg.py, app/sources/stream.py</extracomment>
        <translation>{address} 要求用户名和密码。</translation>
    </message>
    <message>
        <source>{address} cannot be opened ({reason}).</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>无法打开 {address}（{reason}）。</translation>
    </message>
    <message>
        <source>{address} cannot be reached: {reason}.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>无法访问 {address}：{reason}。</translation>
    </message>
    <message>
        <source>{address} cannot be used: {error}.</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>无法使用 {address}：{error}。</translation>
    </message>
    <message>
        <source>{address} closed the connection.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} 关闭了连接。</translation>
    </message>
    <message>
        <source>{address} did not answer within {seconds:g} s.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} 在 {seconds:g} 秒内没有响应。</translation>
    </message>
    <message>
        <source>{address} does not answer as a web server does.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} 的响应不像 Web 服务器。</translation>
    </message>
    <message>
        <source>{address} does not say where one picture ends.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} 没有说明图像在何处结束。</translation>
    </message>
    <message>
        <source>{address} has no certificate that is known here, so it may be somebody else.</source>
        <extracomment>app/sources/tls.py</extracomment>
        <translation>{address} 没有此处已知的证书，因此可能是他人。</translation>
    </message>
    <message>
        <source>{address} has no pictures in it.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>{address} 中没有画面。</translation>
    </message>
    <message>
        <source>{address} is no address that can be opened.</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>{address} 不是可以打开的地址。</translation>
    </message>
    <message>
        <source>{address} needs another package: {error}.</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>{address} 还需要另一个软件包：{error}。</translation>
    </message>
    <message>
        <source>{address} sends on to another address.</source>
        <extracomment>app/sources/rtsp.py</extracomment>
        <translation>{address} 重定向到另一个地址。</translation>
    </message>
    <message>
        <source>{address} sends on to another kind of address, {scheme}.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} 重定向到另一类地址：{scheme}。</translation>
    </message>
    <message>
        <source>{address} sends on to what is no address.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} 重定向的目标不是地址。</translation>
    </message>
    <message>
        <source>{address} sends pictures of {width}x{height}, more than {limit} megapixels.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>{address} 发送的图像为 {width}x{height}，超过 {limit} 百万像素。</translation>
    </message>
    <message>
        <source>{asked} is not available; using {got}.</source>
        <extracomment>app/restorers/base.py</extracomment>
        <translation>{asked} 不可用；正在使用 {got}。</translation>
    </message>
    <message>
        <source>{got}, {asked} not available</source>
        <extracomment>app/ui/texts/engine.py</extracomment>
        <translation>{got}，{asked} 不可用</translation>
    </message>
    <message>
        <source>{command} --help shows every option with examples.</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>{command} --help 显示所有选项及示例。</translation>
    </message>
    <message>
        <source>Restores until Ctrl-C and prints the state of the source and of every output when it changes. Nothing is
mirrored, no sound is played. A virtual camera needs v4l2loopback on Linux, OBS and pyvirtualcam on
Windows and macOS.</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>持续修复直到按下 Ctrl-C，并在来源和各输出的状态变化时打印。不作镜像，也不播放声音。
虚拟摄像头在 Linux 上需要 v4l2loopback，在 Windows 和 macOS 上需要 OBS 和 pyvirtualcam。</translation>
    </message>
    <message>
        <source>the pictures are aligned face crops: no detection, writes 256x256 PNGs</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>图片为对齐的人脸裁剪图：不作检测，写出 256x256 PNG</translation>
    </message>
    <message>
        <source>the video of a motion photo</source>
        <extracomment>app/media/pictures/jpeg_parts.py</extracomment>
        <translation>动态照片的视频</translation>
    </message>
    <message>
        <source>what follows the picture in the file</source>
        <extracomment>app/media/pictures/jpeg_parts.py</extracomment>
        <translation>文件中图片之后的内容</translation>
    </message>
    <message>
        <source>{address} needs the package {package}.</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>{address} 需要软件包 {package}。</translation>
    </message>
    <message>
        <source>{device}, {width} x {height} at {fps} fps</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>{device}，{width} x {height}，{fps} fps</translation>
    </message>
    <message>
        <source>{done} of {all} files restored</source>
        <extracomment>app/cli/restore.py, app/ui/flows/sharing.py</extracomment>
        <translation>已修复 {done}/{all} 个文件</translation>
    </message>
    <message>
        <source>{done} of {all} files restored, {failed} failed (named above)</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>已修复 {done}/{all} 个文件，{failed} 个失败（见上文）</translation>
    </message>
    <message>
        <source>{done}/{all} files</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>{done}/{all} 个文件</translation>
    </message>
    <message>
        <source>{duration} left</source>
        <extracomment>app/cli/restore.py, app/ui/panel/job_bar.py</extracomment>
        <translation>剩余 {duration}</translation>
    </message>
    <message>
        <source>{folder} is in use: {holder} is doing this job already.</source>
        <extracomment>app/batch/jobs/journal.py</extracomment>
        <translation>{folder} 正在使用中：{holder} 已在执行此作业。</translation>
    </message>
    <message>
        <source>{format}, {shape}</source>
        <extracomment>app/ui/menus.py</extracomment>
        <translation>{format}，{shape}</translation>
    </message>
    <message>
        <source>{found} ({reason}).</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>{found}（{reason}）。</translation>
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
        <translation>{http}  或  {rtsp}</translation>
    </message>
    <message>
        <source>{label} cannot be read: {path} ({reason}), expected SHA-256 {sha256}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>无法读取{label}：{path}（{reason}），应为 SHA-256 {sha256}。</translation>
    </message>
    <message>
        <source>{label} is not the one that was shipped: {path} has {size} bytes and SHA-256 {found}, the manifest says {bytes} and {sha256}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>{label}不是附带的那一个：{path} 为 {size} 字节，SHA-256 为 {found}，清单中为 {bytes} 和 {sha256}。</translation>
    </message>
    <message>
        <source>{label} is on already.</source>
        <extracomment>app/outputs/fanout.py</extracomment>
        <translation>{label}已开启。</translation>
    </message>
    <message>
        <source>{label} is started in another way.</source>
        <extracomment>app/pipeline/live/session.py</extracomment>
        <translation>{label}以其他方式启动。</translation>
    </message>
    <message>
        <source>{label} keeps weights in other files, which nothing checks: {path}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>{label}将权重存放在未经检查的其他文件中：{path}。</translation>
    </message>
    <message>
        <source>{low:g} to {high:g}</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>{low:g} 到 {high:g}</translation>
    </message>
    <message>
        <source>{meaning} ({limits}; default {value})</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>{meaning}（{limits}；默认 {value}）</translation>
    </message>
    <message>
        <source>{microphone} does not open: the recording has no sound.</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>无法打开 {microphone}：录像没有声音。</translation>
    </message>
    <message>
        <source>{microphone} does not open: the system&apos;s microphone is recorded.</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>无法打开 {microphone}：改为录制系统麦克风。</translation>
    </message>
    <message>
        <source>{names}, in {folder}</source>
        <extracomment>app/ui/flows/capture.py, app/ui/flows/sharing.py</extracomment>
        <translation>{names}，位于 {folder}</translation>
    </message>
    <message>
        <source>{name} becomes an aligned crop</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{name} 将成为对齐的裁剪图</translation>
    </message>
    <message>
        <source>{name} cannot be {value}; it needs {needs}.</source>
        <extracomment>app/core/setting.py</extracomment>
        <translation>{name} 不能是 {value}；需要：{needs}。</translation>
    </message>
    <message>
        <source>{name} could not be moved to the trash, perhaps because its disk has none. Press Show in folder and delete it there.</source>
        <extracomment>app/ui/dialogs/gallery.py</extracomment>
        <translation>无法将 {name} 移到回收站，可能因为其磁盘没有回收站。请按“在文件夹中显示”并在那里删除。</translation>
    </message>
    <message>
        <source>{name} does not ship in {wanted}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>{name} 不提供 {wanted}。</translation>
    </message>
    <message>
        <source>{name} ended.</source>
        <extracomment>app/pipeline/capture/attempt.py</extracomment>
        <translation>{name} 已结束。</translation>
    </message>
    <message>
        <source>{name} gave no picture for {seconds:g} s.</source>
        <extracomment>app/pipeline/capture/worker.py</extracomment>
        <translation>{name} 已 {seconds:g} 秒没有画面。</translation>
    </message>
    <message>
        <source>{name} has Lab colours, which are not read here.</source>
        <extracomment>app/media/pictures/picture_facts.py</extracomment>
        <translation>{name} 使用 Lab 颜色，此处无法读取。</translation>
    </message>
    <message>
        <source>{name} has pictures of {width}x{height}, more than {limit} megapixels.</source>
        <extracomment>app/media/videos/containers.py</extracomment>
        <translation>{name} 的画面为 {width}x{height}，超过 {limit} 百万像素。</translation>
    </message>
    <message>
        <source>{name} has {width}x{height} pixels of {count} bytes each, more than {limit} megapixels.</source>
        <extracomment>app/media/pictures/picture_size.py</extracomment>
        <translation>{name} 有 {width}x{height} 像素，每像素 {count} 字节，超过 {limit} 百万像素。</translation>
    </message>
    <message>
        <source>{name} has {width}x{height} pixels, more than {limit} megapixels.</source>
        <extracomment>app/media/pictures/picture_size.py</extracomment>
        <translation>{name} 有 {width}x{height} 像素，超过 {limit} 百万像素。</translation>
    </message>
    <message>
        <source>{name} holds {count} pictures, an animation or pages; only the first would be restored.</source>
        <extracomment>app/media/pictures/picture_facts.py</extracomment>
        <translation>{name} 包含 {count} 张图片（动画或多页）；只会修复第一张。</translation>
    </message>
    <message>
        <source>{name} is a picture</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{name} 是图片</translation>
    </message>
    <message>
        <source>{name} is a video</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{name} 是视频</translation>
    </message>
    <message>
        <source>{name} is applied once, not {k} times.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>{name} 只应用一次，而不是 {k} 次。</translation>
    </message>
    <message>
        <source>{name} is applied {low} to {high} times, not {k} times.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>{name} 应用 {low} 到 {high} 次，而不是 {k} 次。</translation>
    </message>
    <message>
        <source>{name} is damaged ({error}).</source>
        <extracomment>app/media/pictures/picture_facts.py</extracomment>
        <translation>{name} 已损坏（{error}）。</translation>
    </message>
    <message>
        <source>{name} is not finished yet.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>{name} 尚未完成。</translation>
    </message>
    <message>
        <source>{name} is offline since {since}.</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>{name} 自 {since} 起离线。</translation>
    </message>
    <message>
        <source>{name} is offline.</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>{name} 已离线。</translation>
    </message>
    <message>
        <source>{name} is open, the first of {count}</source>
        <extracomment>app/ui/flows/choosing.py</extracomment>
        <translation>已打开 {name}，共 {count} 个中的第一个</translation>
    </message>
    <message>
        <source>{name} repeats one and the same picture.</source>
        <extracomment>app/pipeline/capture/attempt.py</extracomment>
        <translation>{name} 一直重复同一画面。</translation>
    </message>
    <message>
        <source>{name} takes uint8 crops of {side}x{side}x3, not {dtype} {shape}.</source>
        <extracomment>app/restorers/cycles.py</extracomment>
        <translation>{name} 接受 {side}x{side}x3 的 uint8 裁剪图，而不是 {dtype} {shape}。</translation>
    </message>
    <message>
        <source>{name} takes {low} to {high} cycles, not {k}.</source>
        <extracomment>app/restorers/cycles.py</extracomment>
        <translation>{name} 接受 {low} 到 {high} 个循环，而不是 {k}。</translation>
    </message>
    <message>
        <source>{name} would have {width}x{height} pixels, more than {limit} megapixels.</source>
        <extracomment>app/media/pictures/enlarge.py, app/media/pictures/picture_encoding.py</extracomment>
        <translation>{name} 将有 {width}x{height} 像素，超过 {limit} 百万像素。</translation>
    </message>
    <message>
        <source>{name}, {facts}
Choose another source, or drop one on the picture</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>{name}，{facts}
选择其他来源，或将其拖放到画面上</translation>
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
            <numerusform>{n} 个循环</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} cycles · already sharp</source>
        <extracomment>app/ui/preview/scene.py; for one: {n} cycle · already sharp</extracomment>
        <translation>
            <numerusform>{n} 个循环 · 已清晰</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} faces x {cycles} cycles need {need:.0f} ms, {fps:g} fps leave {budget:.0f} ms for them</source>
        <extracomment>app/pipeline/budget.py; for one: 1 face x {cycles} cycles need {need:.0f} ms, {fps:g} fps leave {budget:.0f} ms for them</extracomment>
        <translation>
            <numerusform>{n} 张人脸 x {cycles} 个循环需要 {need:.0f} ms，{fps:g} fps 只留出 {budget:.0f} ms</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} files</source>
        <extracomment>app/cli/restore.py; for one: {n} file</extracomment>
        <translation>
            <numerusform>{n} 个文件</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} frames</source>
        <extracomment>app/cli/restore.py; for one: {n} frame</extracomment>
        <translation>
            <numerusform>{n} 帧</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} pieces of videos</source>
        <extracomment>app/cli/restore.py; for one: {n} piece of a video</extracomment>
        <translation>
            <numerusform>{n} 个视频片段</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} tasks are not done yet, first {key}.</source>
        <extracomment>app/batch/engine.py; for one: {n} task is not done yet: {key}.</extracomment>
        <translation>
            <numerusform>还有 {n} 个任务未完成，第一个是 {key}。</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} threads</source>
        <extracomment>app/ui/texts/engine.py; for one: {n} thread</extracomment>
        <translation>
            <numerusform>{n} 个线程</numerusform>
        </translation>
    </message>
    <message>
        <source>{option} and {other} cannot be used together</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>{option} 和 {other} 不能同时使用</translation>
    </message>
    <message>
        <source>{output} holds the input, and results would lie among the originals.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{output} 包含输入，结果会与原文件混在一起。</translation>
    </message>
    <message>
        <source>{output} is a file, but a folder of results cannot go into a file.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{output} 是文件，而结果文件夹不能放进文件。</translation>
    </message>
    <message>
        <source>{output} is the input itself.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{output} 就是输入本身。</translation>
    </message>
    <message>
        <source>{path} cannot be read: {reason}.</source>
        <extracomment>app/batch/jobs/task.py, app/media/files.py, app/media/pictures/picture.py</extracomment>
        <translation>无法读取 {path}：{reason}。</translation>
    </message>
    <message>
        <source>{path} cannot be used: {reason}.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>无法使用 {path}：{reason}。</translation>
    </message>
    <message>
        <source>{path} cannot be written ({reason}).</source>
        <extracomment>app/outputs/sharing/clip.py</extracomment>
        <translation>无法写入 {path}（{reason}）。</translation>
    </message>
    <message>
        <source>{path} cannot be written in this format.</source>
        <extracomment>app/media/pictures/picture_encoding.py</extracomment>
        <translation>无法以此格式写入 {path}。</translation>
    </message>
    <message>
        <source>{path} cannot be written: {reason}.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>无法写入 {path}：{reason}。</translation>
    </message>
    <message>
        <source>{path} has no pictures in it.</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>{path} 中没有画面。</translation>
    </message>
    <message>
        <source>{path} has no sound.</source>
        <extracomment>app/media/videos/sound_reader.py</extracomment>
        <translation>{path} 没有声音。</translation>
    </message>
    <message>
        <source>{path} has no suffix of a picture format.</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>{path} 没有图片格式的扩展名。</translation>
    </message>
    <message>
        <source>{path} holds numbers of the type {dtype}, which no picture here has.</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>{path} 包含 {dtype} 类型的数值，此处的图片均不使用该类型。</translation>
    </message>
    <message>
        <source>{path} is a camera, not a loopback device.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>{path} 是摄像头，不是回环设备。</translation>
    </message>
    <message>
        <source>{path} is a folder, not a video.</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>{path} 是文件夹，不是视频。</translation>
    </message>
    <message>
        <source>{path} is damaged or breaks off after {reached:.1f} s</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>{path} 已损坏或在 {reached:.1f} 秒后中断</translation>
    </message>
    <message>
        <source>{path} is damaged or breaks off after {reached:.1f} s of {whole:.1f} s</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>{path} 已损坏或在 {reached:.1f} 秒后中断（共 {whole:.1f} 秒）</translation>
    </message>
    <message>
        <source>{path} is damaged or not a picture that can be read.</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>{path} 已损坏或不是可读取的图片。</translation>
    </message>
    <message>
        <source>{path} is empty.</source>
        <extracomment>app/media/pictures/picture.py, app/media/videos/video_reader.py</extracomment>
        <translation>{path} 为空。</translation>
    </message>
    <message>
        <source>{path} is no folder, so there is nothing to watch.</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>{path} 不是文件夹，因此没有可监视的内容。</translation>
    </message>
    <message>
        <source>{path} is not a picture that can be read.</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>{path} 不是可读取的图片。</translation>
    </message>
    <message>
        <source>{path} is not a video device.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>{path} 不是视频设备。</translation>
    </message>
    <message>
        <source>{path} is not a video that can be read ({reason}).</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>{path} 不是可读取的视频（{reason}）。</translation>
    </message>
    <message>
        <source>{path} is there already and is no file.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>{path} 已存在且不是文件。</translation>
    </message>
    <message>
        <source>{path} is there already.</source>
        <extracomment>app/media/files.py, app/media/remote.py</extracomment>
        <translation>{path} 已存在。</translation>
    </message>
    <message>
        <source>{path} keeps {got_width} x {got_height} instead of {width} x {height}.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>{path} 保持 {got_width} x {got_height}，而不是 {width} x {height}。</translation>
    </message>
    <message>
        <source>{path} may not be read.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>不允许读取 {path}。</translation>
    </message>
    <message>
        <source>{path} may not be written.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>不允许写入 {path}。</translation>
    </message>
    <message>
        <source>{place} is a web page, not a stream.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>{place} 是网页，不是流。</translation>
    </message>
    <message>
        <source>{precision} on {threads}.</source>
        <extracomment>app/ui/texts/engine.py</extracomment>
        <translation>{precision}，{threads}。</translation>
    </message>
    <message>
        <source>{quality} ({cycles})</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>{quality}（{cycles}）</translation>
    </message>
    <message>
        <source>{quality}, whatever time it takes.</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>{quality}，不计时间。</translation>
    </message>
    <message>
        <source>{rate:.0f} fps</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>{rate:.0f} fps</translation>
    </message>
    <message>
        <source>{rate} · age {age} · {dropped} dropped</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>{rate} · 时延 {age} · 丢 {dropped} 帧</translation>
    </message>
    <message>
        <source>{reached:.0f} of {given:.0f} frames a second</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>每秒 {given:.0f} 帧中的 {reached:.0f} 帧</translation>
    </message>
    <message>
        <source>{reason}, so it cannot be written as {target}.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{reason}，因此不能写为 {target}。</translation>
    </message>
    <message>
        <source>{scale} times as large</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>{scale} 倍大小</translation>
    </message>
    <message>
        <source>{setting}: less</source>
        <extracomment>app/ui/style/widgets.py</extracomment>
        <translation>{setting}：减少</translation>
    </message>
    <message>
        <source>{setting}: more</source>
        <extracomment>app/ui/style/widgets.py</extracomment>
        <translation>{setting}：增加</translation>
    </message>
    <message>
        <source>{shown} is neither a file nor an address.</source>
        <extracomment>app/sources/registry.py</extracomment>
        <translation>{shown} 既不是文件也不是地址。</translation>
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
        <translation>{source} 中途中断，自上次修复到该处以来没有变化。</translation>
    </message>
    <message>
        <source>{source} changed while it was being restored.</source>
        <extracomment>app/batch/jobs/task.py</extracomment>
        <translation>{source} 在修复过程中发生了变化。</translation>
    </message>
    <message>
        <source>{source} has {width}x{height} pixels, but an aligned face crop is square.</source>
        <extracomment>app/batch/worker.py</extracomment>
        <translation>{source} 为 {width}x{height} 像素，但对齐的人脸裁剪图应为正方形。</translation>
    </message>
    <message>
        <source>{source} is no picture, and a sheet is made of one.</source>
        <extracomment>app/batch/sheet.py</extracomment>
        <translation>{source} 不是图片，对比图需由图片生成。</translation>
    </message>
    <message>
        <source>{source} is not square, as an aligned face crop is.</source>
        <extracomment>app/batch/sheet.py</extracomment>
        <translation>{source} 不是正方形，而对齐的人脸裁剪图是正方形。</translation>
    </message>
    <message>
        <source>{target} cannot be written ({reason}).</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>无法写入 {target}（{reason}）。</translation>
    </message>
    <message>
        <source>{target} has no suffix of a video.</source>
        <extracomment>app/batch/videos/restore.py</extracomment>
        <translation>{target} 没有视频扩展名。</translation>
    </message>
    <message>
        <source>{target} is the input itself.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{target} 就是输入本身。</translation>
    </message>
    <message>
        <source>{target} would have {width}x{height} pixels, more than any encoder here takes.</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>{target} 将有 {width}x{height} 像素，超出此处任何编码器的能力。</translation>
    </message>
    <message>
        <source>{text} has an address kind that is not known: {scheme}.</source>
        <extracomment>app/sources/registry.py</extracomment>
        <translation>{text} 的地址类型未知：{scheme}。</translation>
    </message>
    <message>
        <source>{text} is no whole number of at least 1</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>{text} 不是不小于 1 的整数</translation>
    </message>
    <message>
        <source>{text} is not I/N with I from 1 to N, such as 3/16</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>{text} 不是 I/N 形式（I 为 1 到 N），例如 3/16</translation>
    </message>
    <message>
        <source>{text} is not an address to serve at.</source>
        <extracomment>app/outputs/stream.py</extracomment>
        <translation>{text} 不是可提供流的地址。</translation>
    </message>
    <message>
        <source>{track} ({codec})</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>{track}（{codec}）</translation>
    </message>
    <message>
        <source>{url}, {viewers} of {most} viewers</source>
        <extracomment>app/outputs/stream.py</extracomment>
        <translation>{url}，观看者 {viewers}/{most}</translation>
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
        <translation>{what}录制已结束。</translation>
    </message>
    <message>
        <source>{width} × {height}</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>{width} × {height}</translation>
    </message>
    <message>
        <source>{words}  ({keys})</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>{words}  （{keys}）</translation>
    </message>
</context>
</TS>
