<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="pt_BR" sourcelanguage="en">
<context>
    <name>CFRNet Live</name>
    <message>
        <source>--cluster needs the package {package}.</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>--cluster precisa do pacote {package}.</translation>
    </message>
    <message>
        <source>--compare works on files, and {address} is an address.</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>--compare trabalha com arquivos, e {address} é um endereço.</translation>
    </message>
    <message>
        <source>--scale enlarges pictures and videos, neither aligned crops nor sheets</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>--scale amplia imagens e vídeos, não recortes alinhados nem folhas</translation>
    </message>
    <message>
        <source>1 cycle: lowest latency</source>
        <extracomment>app/restorers/families/cfrnet.py</extracomment>
        <translation>1 ciclo: menor latência</translation>
    </message>
    <message>
        <source>1280x720, one moving face at 30 fps; ms a frame, p50 / p95</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>1280x720, um rosto em movimento a 30 fps; ms por quadro, p50 / p95</translation>
    </message>
    <message>
        <source>2 cycles: nearest to the true face</source>
        <extracomment>app/restorers/families/cfrnet.py</extracomment>
        <translation>2 ciclos: mais próximo do rosto real</translation>
    </message>
    <message>
        <source>256x256 face crops, no detection</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>recortes de rosto de 256x256, sem detecção</translation>
    </message>
    <message>
        <source>3 cycles: best looking</source>
        <extracomment>app/restorers/families/cfrnet.py</extracomment>
        <translation>3 ciclos: melhor aparência</translation>
    </message>
    <message>
        <source>4 cycles</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>4 ciclos</translation>
    </message>
    <message>
        <source>A Snapdragon processor with an NPU; pip install onnxruntime-qnn beside onnxruntime.</source>
        <extracomment>app/restorers/providers.py</extracomment>
        <translation>Um processador Snapdragon com NPU; pip install onnxruntime-qnn além do onnxruntime.</translation>
    </message>
    <message>
        <source>A camera driver (v4l2loopback on Linux, OBS on Windows and macOS) and, but for Linux, pyvirtualcam</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>Um driver de câmera (v4l2loopback no Linux, OBS no Windows e no macOS) e, exceto no Linux, pyvirtualcam</translation>
    </message>
    <message>
        <source>A comparison needs names of restorers, each once.</source>
        <extracomment>app/batch/sheet.py</extracomment>
        <translation>Uma comparação precisa de nomes de redes, cada um só uma vez.</translation>
    </message>
    <message>
        <source>A cycle: {figures}.</source>
        <extracomment>app/ui/texts/engine.py</extracomment>
        <translation>Um ciclo: {figures}.</translation>
    </message>
    <message>
        <source>A frame could not be kept for a clip.</source>
        <extracomment>app/outputs/sharing/clip.py</extracomment>
        <translation>Um quadro não pôde ser guardado para um clipe.</translation>
    </message>
    <message>
        <source>A free port; a browser, OBS or VLC opens its address</source>
        <extracomment>app/outputs/stream.py</extracomment>
        <translation>Uma porta livre; um navegador, o OBS ou o VLC abre seu endereço</translation>
    </message>
    <message>
        <source>A library that this needs cannot be loaded: {error}.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>Não é possível carregar uma biblioteca necessária: {error}.</translation>
    </message>
    <message>
        <source>A network made for one pass is fed its own output again; drift is how far each pass moves it</source>
        <extracomment>app/ui/panel/cycles.py</extracomment>
        <translation>Uma rede feita para uma passada recebe de novo a própria saída; a deriva é quanto cada passada a move</translation>
    </message>
    <message>
        <source>A recording is being started already.</source>
        <extracomment>app/pipeline/live/recording.py</extracomment>
        <translation>Uma gravação já está sendo iniciada.</translation>
    </message>
    <message>
        <source>A recording is running already.</source>
        <extracomment>app/pipeline/live/recording.py</extracomment>
        <translation>Já há uma gravação em andamento.</translation>
    </message>
    <message>
        <source>A worker of the cluster cannot load this application: {error}.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>Um worker do cluster não consegue carregar este aplicativo: {error}.</translation>
    </message>
    <message>
        <source>ALTERED</source>
        <extracomment>app/cli/inspection.py</extracomment>
        <translation>ALTERADO</translation>
    </message>
    <message>
        <source>About CFRNet Live</source>
        <extracomment>app/ui/dialogs/about.py</extracomment>
        <translation>Sobre o CFRNet Live</translation>
    </message>
    <message>
        <source>About and licences…</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Sobre e licenças…</translation>
    </message>
    <message>
        <source>Add yourself to the group video: sudo usermod -aG video $USER, then log in again.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>Adicione-se ao grupo video: sudo usermod -aG video $USER, e entre de novo.</translation>
    </message>
    <message>
        <source>Address of the stream</source>
        <extracomment>app/ui/dialogs/dialogs.py</extracomment>
        <translation>Endereço da transmissão</translation>
    </message>
    <message>
        <source>Advanced</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Avançado</translation>
    </message>
    <message>
        <source>Advanced settings</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Ajustes avançados</translation>
    </message>
    <message>
        <source>After</source>
        <extracomment>app/outputs/compose.py</extracomment>
        <translation>Depois</translation>
    </message>
    <message>
        <source>All</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Todos</translation>
    </message>
    <message>
        <source>All files</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>Todos os arquivos</translation>
    </message>
    <message>
        <source>An Intel processor or card; pip install onnxruntime-ep-openvino beside onnxruntime.</source>
        <extracomment>app/restorers/providers.py</extracomment>
        <translation>Um processador ou uma placa Intel; pip install onnxruntime-ep-openvino além do onnxruntime.</translation>
    </message>
    <message>
        <source>An NVIDIA card with its driver; pip install &quot;onnxruntime-gpu[cuda,cudnn]&quot; in place of onnxruntime.</source>
        <extracomment>app/restorers/providers.py</extracomment>
        <translation>Uma placa NVIDIA com seu driver; pip install &quot;onnxruntime-gpu[cuda,cudnn]&quot; no lugar de onnxruntime.</translation>
    </message>
    <message>
        <source>An empty name is no file or folder.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>Um nome vazio não é arquivo nem pasta.</translation>
    </message>
    <message>
        <source>Another network in place of the original, in the window only; every frame is then restored twice</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Outra rede no lugar do original, só na janela; cada quadro é então restaurado duas vezes</translation>
    </message>
    <message>
        <source>Another program writes to it; close that one.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>Outro programa grava nela; feche-o.</translation>
    </message>
    <message>
        <source>Any processor.</source>
        <extracomment>app/restorers/providers.py</extracomment>
        <translation>Qualquer processador.</translation>
    </message>
    <message>
        <source>Application</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Aplicativo</translation>
    </message>
    <message>
        <source>As good as this machine can do in time.</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>Tão bem quanto esta máquina consegue a tempo.</translation>
    </message>
    <message>
        <source>As good as this machine can do without dropping frames</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>Tão bem quanto esta máquina consegue sem perder quadros</translation>
    </message>
    <message>
        <source>As the source</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Como a fonte</translation>
    </message>
    <message>
        <source>Ask for the right to read it.</source>
        <extracomment>app/media/files.py, app/media/pictures/picture.py</extracomment>
        <translation>Peça permissão para lê-lo.</translation>
    </message>
    <message>
        <source>Auto</source>
        <extracomment>app/core/settings.py, app/ui/panel/panel.py, app/ui/texts/quality.py</extracomment>
        <translation>Auto</translation>
    </message>
    <message>
        <source>Auto k</source>
        <extracomment>app/core/settings.py, app/ui/preview/overlay_model.py</extracomment>
        <translation>k automático</translation>
    </message>
    <message>
        <source>Auto k: {k} of {wanted}, there is room again.</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>k automático: {k} de {wanted}, há folga de novo.</translation>
    </message>
    <message>
        <source>Auto k: {k} of {wanted}: {reason}.</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>k automático: {k} de {wanted}: {reason}.</translation>
    </message>
    <message>
        <source>Auto quality on or off</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Ligar/desligar a qualidade automática</translation>
    </message>
    <message>
        <source>Average what holds still in a moving picture, so that it does not flicker; 0 restores every frame alone</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Faz a média do que fica parado em uma imagem em movimento, para que não pisque; 0 restaura cada quadro sozinho</translation>
    </message>
    <message>
        <source>Before</source>
        <extracomment>app/outputs/compose.py</extracomment>
        <translation>Antes</translation>
    </message>
    <message>
        <source>Before and after copied</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Antes e depois copiados</translation>
    </message>
    <message>
        <source>Before and after saved</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Antes e depois salvos</translation>
    </message>
    <message>
        <source>Before, then after, with a divider.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Antes e, em seguida, depois, com um divisor.</translation>
    </message>
    <message>
        <source>Begin anew with --fresh.</source>
        <extracomment>app/batch/videos/joining.py</extracomment>
        <translation>Comece de novo com --fresh.</translation>
    </message>
    <message>
        <source>Best look</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>Melhor</translation>
    </message>
    <message>
        <source>Best look, 3 cycles</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Melhor aparência, 3 ciclos</translation>
    </message>
    <message>
        <source>CPU</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>CPU</translation>
    </message>
    <message>
        <source>Camera</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>Câmera</translation>
    </message>
    <message>
        <source>Camera made bad</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>Câmera degradada</translation>
    </message>
    <message>
        <source>Camera name, file, folder or stream address; empty for the first camera</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Nome da câmera, arquivo, pasta ou endereço de transmissão; vazio para a primeira câmera</translation>
    </message>
    <message>
        <source>Cancel</source>
        <extracomment>app/ui/dialogs/dialogs.py, app/ui/panel/job_bar.py</extracomment>
        <translation>Cancelar</translation>
    </message>
    <message>
        <source>Captions</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Rótulos</translation>
    </message>
    <message>
        <source>Capture</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Captura</translation>
    </message>
    <message>
        <source>Check its cable; it is looked for by name.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>Verifique o cabo; ela é procurada pelo nome.</translation>
    </message>
    <message>
        <source>Check its name and place.</source>
        <extracomment>app/sources/registry.py</extracomment>
        <translation>Verifique o nome e o lugar.</translation>
    </message>
    <message>
        <source>Check its name and your rights.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>Verifique o nome e as suas permissões.</translation>
    </message>
    <message>
        <source>Check that it is whole.</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>Verifique se está completo.</translation>
    </message>
    <message>
        <source>Check that the file is whole.</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>Verifique se o arquivo está completo.</translation>
    </message>
    <message>
        <source>Check the address and its port.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>Verifique o endereço e a porta.</translation>
    </message>
    <message>
        <source>Check the address, and that the camera is on and in the same network.</source>
        <extracomment>app/sources/mjpeg.py, app/sources/stream.py</extracomment>
        <translation>Verifique o endereço e se a câmera está ligada e na mesma rede.</translation>
    </message>
    <message>
        <source>Check the address, the name and the password.</source>
        <extracomment>app/media/remote.py, app/sources/mjpeg.py</extracomment>
        <translation>Verifique o endereço, o nome de usuário e a senha.</translation>
    </message>
    <message>
        <source>Check the address.</source>
        <extracomment>app/batch/jobs/plan.py, app/media/remote.py, app/sources/mjpeg.py</extracomment>
        <translation>Verifique o endereço.</translation>
    </message>
    <message>
        <source>Check the name.</source>
        <extracomment>app/batch/jobs/plan.py, app/media/files.py</extracomment>
        <translation>Verifique o nome.</translation>
    </message>
    <message>
        <source>Check what was written.</source>
        <extracomment>app/sources/registry.py</extracomment>
        <translation>Verifique o que foi escrito.</translation>
    </message>
    <message>
        <source>Choose a camera, a file, a folder or a stream; or drop one on the picture</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Escolha uma câmera, um arquivo, uma pasta ou uma transmissão; ou solte algo sobre a imagem</translation>
    </message>
    <message>
        <source>Choose a folder that every machine sees, or leave --shard and --join out.</source>
        <extracomment>app/batch/engine.py</extracomment>
        <translation>Escolha uma pasta que todas as máquinas vejam ou não use --shard e --join.</translation>
    </message>
    <message>
        <source>Choose a folder that you may write to.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>Escolha uma pasta em que você possa gravar.</translation>
    </message>
    <message>
        <source>Choose a shorter one.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>Escolha um mais curto.</translation>
    </message>
    <message>
        <source>Choose a smaller --scale, or set CFRNET_LIVE_MAX_MEGAPIXELS to more if there is memory for it.</source>
        <extracomment>app/media/pictures/enlarge.py</extracomment>
        <translation>Escolha um --scale menor ou aumente CFRNET_LIVE_MAX_MEGAPIXELS se houver memória.</translation>
    </message>
    <message>
        <source>Choose a smaller --scale.</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>Escolha um --scale menor.</translation>
    </message>
    <message>
        <source>Choose a smaller view or scale.</source>
        <extracomment>app/media/videos/encoder.py</extracomment>
        <translation>Escolha uma exibição ou escala menor.</translation>
    </message>
    <message>
        <source>Choose a video file.</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>Escolha um arquivo de vídeo.</translation>
    </message>
    <message>
        <source>Choose another --k or another --restorer.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>Escolha outro --k ou outro --restorer.</translation>
    </message>
    <message>
        <source>Choose another address or port.</source>
        <extracomment>app/outputs/stream.py</extracomment>
        <translation>Escolha outro endereço ou outra porta.</translation>
    </message>
    <message>
        <source>Choose another device.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>Escolha outro dispositivo.</translation>
    </message>
    <message>
        <source>Choose another folder.</source>
        <extracomment>app/batch/jobs/plan.py, app/outputs/recordings/output.py, app/sources/images.py</extracomment>
        <translation>Escolha outra pasta.</translation>
    </message>
    <message>
        <source>Choose another name, or add --overwrite to replace it.</source>
        <extracomment>app/media/files.py, app/media/remote.py</extracomment>
        <translation>Escolha outro nome ou acrescente --overwrite para substituir.</translation>
    </message>
    <message>
        <source>Choose another name.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>Escolha outro nome.</translation>
    </message>
    <message>
        <source>Choose another output folder.</source>
        <extracomment>app/batch/jobs/journal.py</extracomment>
        <translation>Escolha outra pasta de saída.</translation>
    </message>
    <message>
        <source>Choose another precision: {known}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>Escolha outra precisão: {known}.</translation>
    </message>
    <message>
        <source>Choose another stream.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>Escolha outra transmissão.</translation>
    </message>
    <message>
        <source>Choose how much is done to a face, or press 1 to 4.</source>
        <extracomment>app/ui/flows/first_hints.py</extracomment>
        <translation>Escolha quanto cada rosto é processado, ou pressione de 1 a 4.</translation>
    </message>
    <message>
        <source>Choose the folder for recordings…</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Escolher a pasta de gravações…</translation>
    </message>
    <message>
        <source>Click: all faces</source>
        <extracomment>app/ui/preview/scene.py</extracomment>
        <translation>Clique: todos os rostos</translation>
    </message>
    <message>
        <source>Click: this face alone</source>
        <extracomment>app/ui/preview/scene.py</extracomment>
        <translation>Clique: só este rosto</translation>
    </message>
    <message>
        <source>Clip saved</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Clipe salvo</translation>
    </message>
    <message>
        <source>Close</source>
        <extracomment>app/ui/actions.py, app/ui/dialogs/about.py, app/ui/dialogs/dialogs.py, app/ui/dialogs/gallery.py, app/ui/flows/sharing.py</extracomment>
        <translation>Fechar</translation>
    </message>
    <message>
        <source>Close other programs that use it, check the system&apos;s camera permission, or choose another one.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>Feche outros programas que a usam, verifique a permissão de câmera do sistema ou escolha outra.</translation>
    </message>
    <message>
        <source>Close other programs that use it.</source>
        <extracomment>app/pipeline/capture/worker.py</extracomment>
        <translation>Feche outros programas que a usam.</translation>
    </message>
    <message>
        <source>Close the program that uses it, or choose that size.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>Feche o programa que o usa ou escolha esse tamanho.</translation>
    </message>
    <message>
        <source>Close the window</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Fechar a janela</translation>
    </message>
    <message>
        <source>Connect once by hand, and compare the key that is shown with the server&apos;s: {command}</source>
        <extracomment>app/media/sftp.py</extracomment>
        <translation>Conecte-se uma vez manualmente e compare a chave exibida com a do servidor: {command}</translation>
    </message>
    <message>
        <source>Connecting</source>
        <extracomment>app/pipeline/live/session.py</extracomment>
        <translation>Conectando</translation>
    </message>
    <message>
        <source>Copy</source>
        <extracomment>app/ui/dialogs/dialogs.py</extracomment>
        <translation>Copiar</translation>
    </message>
    <message>
        <source>Copy before and after</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Copiar antes e depois</translation>
    </message>
    <message>
        <source>Copy diagnostics</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Copiar diagnóstico</translation>
    </message>
    <message>
        <source>Cut short when the program ended unexpectedly</source>
        <extracomment>app/ui/flows/capture.py</extracomment>
        <translation>Encurtada, porque o programa terminou de forma inesperada</translation>
    </message>
    <message>
        <source>Cycles k</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Ciclos k</translation>
    </message>
    <message>
        <source>Dark</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Escuro</translation>
    </message>
    <message>
        <source>Degrade the source: few pixels, blur, noise and blocks</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Degrada a fonte: poucos pixels, desfoque, ruído e blocos</translation>
    </message>
    <message>
        <source>Demo clip</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>Clipe de demonstração</translation>
    </message>
    <message>
        <source>Details are in {log}.</source>
        <extracomment>app/outputs/base.py, app/pipeline/live/inference.py, app/pipeline/live/loader.py</extracomment>
        <translation>Os detalhes estão em {log}.</translation>
    </message>
    <message>
        <source>Detector size</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Detector</translation>
    </message>
    <message>
        <source>Diagnostics</source>
        <extracomment>app/ui/dialogs/dialogs.py</extracomment>
        <translation>Diagnóstico</translation>
    </message>
    <message>
        <source>Diagnostics copied</source>
        <extracomment>app/ui/flows/help.py</extracomment>
        <translation>Diagnóstico copiado</translation>
    </message>
    <message>
        <source>Diagnostics…</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Diagnóstico…</translation>
    </message>
    <message>
        <source>Dismiss</source>
        <extracomment>app/ui/dialogs/notifications.py</extracomment>
        <translation>Fechar</translation>
    </message>
    <message>
        <source>Drag the divider: before at the left, after at the right.</source>
        <extracomment>app/ui/flows/first_hints.py</extracomment>
        <translation>Arraste o divisor: antes à esquerda, depois à direita.</translation>
    </message>
    <message>
        <source>Drift of each pass: {steps}</source>
        <extracomment>app/ui/panel/cycles.py</extracomment>
        <translation>Deriva de cada passada: {steps}</translation>
    </message>
    <message>
        <source>Drop to open</source>
        <extracomment>app/ui/preview/preview.py</extracomment>
        <translation>Solte para abrir</translation>
    </message>
    <message>
        <source>Dropped</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>Perdidos</translation>
    </message>
    <message>
        <source>Each frame restored twice, by {name} too</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>Cada quadro restaurado duas vezes, também por {name}</translation>
    </message>
    <message>
        <source>Edit address…</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>Editar endereço…</translation>
    </message>
    <message>
        <source>Encoding the recording takes longer than {seconds:g} s.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>Codificar a gravação leva mais de {seconds:g} s.</translation>
    </message>
    <message>
        <source>End a face&apos;s cycles when mean |G(x) - x| falls under this; 0 never stops early</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Encerra os ciclos de um rosto quando a média de |G(x) - x| cai abaixo disto; 0 nunca encerra antes</translation>
    </message>
    <message>
        <source>Engine</source>
        <extracomment>app/core/setting.py, app/core/settings.py, app/ui/panel/panel.py</extracomment>
        <translation>Motor</translation>
    </message>
    <message>
        <source>FP32, reference</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>FP32, referência</translation>
    </message>
    <message>
        <source>Face marks</source>
        <extracomment>app/core/settings.py, app/ui/actions.py</extracomment>
        <translation>Marcas de rosto</translation>
    </message>
    <message>
        <source>Faces</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Rostos</translation>
    </message>
    <message numerus="yes">
        <source>Faces already sharp</source>
        <extracomment>app/ui/preview/state_text.py; for one: Face already sharp</extracomment>
        <translation>
            <numerusform>Rosto já nítido</numerusform>
            <numerusform>Rostos já nítidos</numerusform>
        </translation>
    </message>
    <message>
        <source>Faithful</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>Fiel</translation>
    </message>
    <message>
        <source>Faithful, 2 cycles</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Fiel, 2 ciclos</translation>
    </message>
    <message>
        <source>Fast</source>
        <extracomment>app/ui/panel/panel.py, app/ui/texts/quality.py</extracomment>
        <translation>Rápido</translation>
    </message>
    <message>
        <source>Fast, 1 cycle</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Rápido, 1 ciclo</translation>
    </message>
    <message>
        <source>Fetch the models folder again, for example with `git checkout -- models`.</source>
        <extracomment>app/restorers/manifest.py</extracomment>
        <translation>Obtenha de novo a pasta models, por exemplo com `git checkout -- models`.</translation>
    </message>
    <message>
        <source>Fewer than {frames} frames were restored within {seconds:g} s.</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>Menos de {frames} quadros foram restaurados em {seconds:g} s.</translation>
    </message>
    <message>
        <source>Files are being restored already</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Já há arquivos sendo restaurados</translation>
    </message>
    <message>
        <source>First camera</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>Primeira câmera</translation>
    </message>
    <message>
        <source>Folder</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Pasta</translation>
    </message>
    <message>
        <source>Folder for recordings and snapshots</source>
        <extracomment>app/ui/window.py</extracomment>
        <translation>Pasta para gravações e fotos</translation>
    </message>
    <message>
        <source>Folder for the restored pictures</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Pasta para as imagens restauradas</translation>
    </message>
    <message>
        <source>Four times</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Quatro vezes</translation>
    </message>
    <message>
        <source>Frame age</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>Idade</translation>
    </message>
    <message>
        <source>Frame rate</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Quadros/s</translation>
    </message>
    <message>
        <source>Frames per second</source>
        <extracomment>app/ui/preview/plot.py</extracomment>
        <translation>Quadros por segundo</translation>
    </message>
    <message>
        <source>Free some space on that disk.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>Libere espaço nesse disco.</translation>
    </message>
    <message>
        <source>Free some space or choose another folder.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>Libere espaço ou escolha outra pasta.</translation>
    </message>
    <message>
        <source>Free some space or look after the folder, then give the same command again: it goes on from here.</source>
        <extracomment>app/batch/jobs/journal.py</extracomment>
        <translation>Libere espaço ou verifique a pasta e dê o mesmo comando: o trabalho continua daqui.</translation>
    </message>
    <message>
        <source>Full screen</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Tela cheia</translation>
    </message>
    <message>
        <source>GB</source>
        <extracomment>app/ui/style/formatting.py</extracomment>
        <translation>GB</translation>
    </message>
    <message>
        <source>Gallery</source>
        <extracomment>app/ui/actions.py, app/ui/dialogs/gallery.py</extracomment>
        <translation>Galeria</translation>
    </message>
    <message>
        <source>Gallery…</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Galeria…</translation>
    </message>
    <message>
        <source>Get a whole copy of it.</source>
        <extracomment>app/media/pictures/picture_facts.py, app/media/videos/video_reader.py</extracomment>
        <translation>Obtenha uma cópia completa.</translation>
    </message>
    <message>
        <source>Give another name: the original is never overwritten.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>Dê outro nome: o original nunca é sobrescrito.</translation>
    </message>
    <message>
        <source>Give the same command once more.</source>
        <extracomment>app/batch/videos/joining.py</extracomment>
        <translation>Dê o mesmo comando mais uma vez.</translation>
    </message>
    <message>
        <source>Got it</source>
        <extracomment>app/ui/dialogs/hints.py</extracomment>
        <translation>Entendi</translation>
    </message>
    <message>
        <source>HOST:PORT of the stream; 127.0.0.1 is seen by this machine alone</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>HOST:PORT da transmissão; 127.0.0.1 só é visto por esta máquina</translation>
    </message>
    <message>
        <source>Hide or show the panel</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Ocultar ou mostrar o painel</translation>
    </message>
    <message>
        <source>Hold for the original</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Segurar para ver o original</translation>
    </message>
    <message>
        <source>How bad</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Degradação</translation>
    </message>
    <message>
        <source>How many may watch the stream at once</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Quantos podem assistir à transmissão ao mesmo tempo</translation>
    </message>
    <message>
        <source>How much it is degraded</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Quanto ela é degradada</translation>
    </message>
    <message>
        <source>How much of the restored face is blended in</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Quanto do rosto restaurado é misturado</translation>
    </message>
    <message>
        <source>How often the network is applied, within what it is made for</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Quantas vezes a rede é aplicada, dentro do que ela permite</translation>
    </message>
    <message>
        <source>INT8 is the fastest on a processor, FP32 the reference; auto takes the fastest that ships</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>INT8 é a mais rápida em um processador, FP32 a referência; auto usa a mais rápida incluída</translation>
    </message>
    <message>
        <source>INT8, faster</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>INT8, rápida</translation>
    </message>
    <message>
        <source>If it is your own camera, say that you trust it: add #insecure to its address, or --insecure.</source>
        <extracomment>app/sources/tls.py</extracomment>
        <translation>Se é a sua própria câmera, diga que confia nela: acrescente #insecure ao endereço, ou --insecure.</translation>
    </message>
    <message>
        <source>In / out</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>Entrada / saída</translation>
    </message>
    <message>
        <source>Install OBS 30 or newer from obsproject.com, press Start Virtual Camera in it once, then close it.</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>Instale o OBS 30 ou mais novo de obsproject.com, inicie nele uma vez a câmera virtual e feche-o.</translation>
    </message>
    <message>
        <source>Install OBS from obsproject.com, which brings the device; Unity Capture works as well.</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>Instale o OBS de obsproject.com, que traz o dispositivo; o Unity Capture também serve.</translation>
    </message>
    <message>
        <source>Install it beside this application.</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>Instale-o junto com este aplicativo.</translation>
    </message>
    <message>
        <source>Install it: pip install fsspec s3fs paramiko</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>Instale-o: pip install fsspec s3fs paramiko</translation>
    </message>
    <message>
        <source>Install it: pip install -r requirements-cluster.txt</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>Instale-o: pip install -r requirements-cluster.txt</translation>
    </message>
    <message>
        <source>Already there and kept: {kept} of {all} files</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Já existiam, mantidos: {kept} de {all} arquivos</translation>
    </message>
    <message>
        <source>Check how it is written.</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>Verifique como está escrito.</translation>
    </message>
    <message>
        <source>Choose an empty folder to restore them again.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Escolha uma pasta vazia para restaurá-los de novo.</translation>
    </message>
    <message>
        <source>Go on</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Continuar</translation>
    </message>
    <message>
        <source>Install it: pip install pyvirtualcam. Then restart.</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>Instale-o: pip install pyvirtualcam. Depois reinicie.</translation>
    </message>
    <message>
        <source>Install the same version on every machine; docs/archives.md says how.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>Instale a mesma versão em todas as máquinas; docs/archives.md explica como.</translation>
    </message>
    <message>
        <source>Install the same version.</source>
        <extracomment>app/batch/executors/dask_worker.py</extracomment>
        <translation>Instale a mesma versão.</translation>
    </message>
    <message>
        <source>Install the same.</source>
        <extracomment>app/batch/executors/dask_worker.py</extracomment>
        <translation>Instale a mesma.</translation>
    </message>
    <message>
        <source>It comes closer to the true face, at about {fps:.0f} frames a second with {k} cycles.</source>
        <extracomment>app/ui/flows/offer.py</extracomment>
        <translation>Ela chega mais perto do rosto real, a cerca de {fps:.0f} quadros por segundo com {k} ciclos.</translation>
    </message>
    <message>
        <source>It goes on; keep the application open until {names} is in {folder}.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>Ela continua; mantenha o aplicativo aberto até {names} estar em {folder}.</translation>
    </message>
    <message>
        <source>It has no name yet; the next start of the program completes it.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>Ela ainda não tem nome; a próxima inicialização do programa a conclui.</translation>
    </message>
    <message>
        <source>It has no sound</source>
        <extracomment>app/ui/texts/sound.py</extracomment>
        <translation>Não tem som</translation>
    </message>
    <message>
        <source>It is connected again by name.</source>
        <extracomment>app/pipeline/capture/attempt.py, app/pipeline/capture/worker.py</extracomment>
        <translation>Ela é reconectada pelo nome.</translation>
    </message>
    <message>
        <source>It is no MJPEG stream.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>Não é uma transmissão MJPEG.</translation>
    </message>
    <message>
        <source>It is tried again.</source>
        <extracomment>app/outputs/virtual_camera.py, app/pipeline/capture/attempt.py, app/sources/mjpeg.py, app/sources/stream.py</extracomment>
        <translation>Nova tentativa em curso.</translation>
    </message>
    <message>
        <source>It may have run out of memory: try fewer --workers.</source>
        <extracomment>app/batch/executors/processes.py</extracomment>
        <translation>Talvez tenha faltado memória: tente com menos --workers.</translation>
    </message>
    <message>
        <source>It was cancelled.</source>
        <extracomment>app/outputs/sharing/clip.py</extracomment>
        <translation>Foi cancelado.</translation>
    </message>
    <message>
        <source>Its address</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Seu endereço</translation>
    </message>
    <message>
        <source>Its driver was unloaded; it is tried again.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>Seu driver foi descarregado; nova tentativa em curso.</translation>
    </message>
    <message>
        <source>Its first {seconds:.1f} s are in {kept}.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>Os primeiros {seconds:.1f} s estão em {kept}.</translation>
    </message>
    <message>
        <source>Its rate</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Quadros/s</translation>
    </message>
    <message>
        <source>Its size</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Seu tamanho</translation>
    </message>
    <message>
        <source>Keyboard shortcuts</source>
        <extracomment>app/ui/actions.py, app/ui/dialogs/dialogs.py, app/ui/panel/panel.py</extracomment>
        <translation>Atalhos de teclado</translation>
    </message>
    <message>
        <source>Language</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Idioma</translation>
    </message>
    <message>
        <source>Language of the window and of messages; system follows the operating system</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Idioma da janela e das mensagens; system segue o sistema operacional</translation>
    </message>
    <message>
        <source>Largest face at twice its size</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>O maior rosto no dobro do tamanho</translation>
    </message>
    <message>
        <source>Latency card</source>
        <extracomment>app/core/settings.py, app/ui/actions.py</extracomment>
        <translation>Cartão de latência</translation>
    </message>
    <message>
        <source>Leave --aligned out to have the face found.</source>
        <extracomment>app/batch/worker.py</extracomment>
        <translation>Retire --aligned para que o rosto seja procurado.</translation>
    </message>
    <message>
        <source>Leave --aligned out.</source>
        <extracomment>app/batch/sheet.py</extracomment>
        <translation>Retire --aligned.</translation>
    </message>
    <message>
        <source>Leave --watch out.</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>Retire --watch.</translation>
    </message>
    <message>
        <source>Left half</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Lado esquerdo</translation>
    </message>
    <message>
        <source>Let idle engine threads keep their core: a little faster alone, much slower beside other work</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>As threads ociosas do motor mantêm seu núcleo: um pouco mais rápido sozinho, bem mais lento junto com outras tarefas</translation>
    </message>
    <message>
        <source>Let the name end in {known}.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>O nome deve terminar em {known}.</translation>
    </message>
    <message>
        <source>Let the picture run for some seconds.</source>
        <extracomment>app/outputs/sharing/clip.py</extracomment>
        <translation>Deixe a imagem correr por alguns segundos.</translation>
    </message>
    <message>
        <source>Level of the microphone</source>
        <extracomment>app/ui/panel/sound_row.py</extracomment>
        <translation>Nível do microfone</translation>
    </message>
    <message>
        <source>Licences</source>
        <extracomment>app/ui/dialogs/about.py</extracomment>
        <translation>Licenças</translation>
    </message>
    <message>
        <source>Light</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Claro</translation>
    </message>
    <message>
        <source>Light, dark or the system&apos;s</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Claro, escuro ou o do sistema</translation>
    </message>
    <message>
        <source>Live plot</source>
        <extracomment>app/core/settings.py, app/ui/actions.py</extracomment>
        <translation>Gráfico ao vivo</translation>
    </message>
    <message>
        <source>Live plot of the last minute</source>
        <extracomment>app/ui/preview/plot.py</extracomment>
        <translation>Gráfico ao vivo do último minuto</translation>
    </message>
    <message>
        <source>Loading the network…</source>
        <extracomment>app/ui/flows/live_state.py, app/ui/preview/state_text.py</extracomment>
        <translation>Carregando a rede…</translation>
    </message>
    <message>
        <source>Longer side of the picture that the detector receives</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Lado maior da imagem que o detector recebe</translation>
    </message>
    <message>
        <source>Look for cameras again</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Procurar câmeras de novo</translation>
    </message>
    <message>
        <source>Look in the camera&apos;s manual for its stream address.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>Procure o endereço da transmissão no manual da câmera.</translation>
    </message>
    <message>
        <source>Looking for cameras…</source>
        <extracomment>app/ui/panel/source_menu.py</extracomment>
        <translation>Procurando câmeras…</translation>
    </message>
    <message>
        <source>Loupe at the pointer, before and after</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Lupa no ponteiro, antes e depois</translation>
    </message>
    <message>
        <source>Lower k before frames are dropped</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Reduz k antes de perder quadros</translation>
    </message>
    <message>
        <source>MB</source>
        <extracomment>app/ui/style/formatting.py</extracomment>
        <translation>MB</translation>
    </message>
    <message>
        <source>MISSING</source>
        <extracomment>app/cli/inspection.py</extracomment>
        <translation>AUSENTE</translation>
    </message>
    <message>
        <source>MIT licence; an installer as a whole: GPL version 3, as it contains x264</source>
        <extracomment>app/ui/dialogs/about.py</extracomment>
        <translation>Licença MIT; um instalador como um todo: GPL versão 3, pois contém o x264</translation>
    </message>
    <message>
        <source>MJPEG over HTTP, or RTSP, such as a network camera or a phone&apos;s camera app gives.</source>
        <extracomment>app/ui/dialogs/dialogs.py</extracomment>
        <translation>MJPEG por HTTP, ou RTSP, como dá uma câmera de rede ou o aplicativo de câmera de um celular.</translation>
    </message>
    <message>
        <source>Made bad</source>
        <extracomment>app/outputs/compose.py, app/ui/preview/state_text.py</extracomment>
        <translation>Degradado</translation>
    </message>
    <message>
        <source>Make it first or choose another one.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>Crie-a primeiro ou escolha outra.</translation>
    </message>
    <message>
        <source>Make it smaller, or set CFRNET_LIVE_MAX_MEGAPIXELS to more if there is memory for it.</source>
        <extracomment>app/media/pictures/picture_size.py</extracomment>
        <translation>Reduza-a ou aumente CFRNET_LIVE_MAX_MEGAPIXELS se houver memória.</translation>
    </message>
    <message>
        <source>Make it smaller, save it with fewer bits, or set CFRNET_LIVE_MAX_MEGAPIXELS to more.</source>
        <extracomment>app/media/pictures/picture_size.py</extracomment>
        <translation>Reduza-a, salve-a com menos bits ou aumente CFRNET_LIVE_MAX_MEGAPIXELS se houver memória.</translation>
    </message>
    <message>
        <source>Make it smaller.</source>
        <extracomment>app/media/videos/containers.py</extracomment>
        <translation>Reduza-a.</translation>
    </message>
    <message>
        <source>Make my camera bad</source>
        <extracomment>app/core/settings.py, app/ui/actions.py</extracomment>
        <translation>Piorar minha câmera</translation>
    </message>
    <message>
        <source>Make one: sudo modprobe v4l2loopback exclusive_caps=1 card_label=&apos;CFRNet Live&apos; (package v4l2loopback-dkms; Chrome needs exclusive_caps=1).</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>Crie uma: sudo modprobe v4l2loopback exclusive_caps=1 card_label=&apos;CFRNet Live&apos; (pacote v4l2loopback-dkms; o Chrome precisa de exclusive_caps=1).</translation>
    </message>
    <message>
        <source>Making a clip of the last seconds…</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Criando um clipe dos últimos segundos…</translation>
    </message>
    <message>
        <source>Measuring a cycle of {name}</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>Medindo um ciclo de {name}</translation>
    </message>
    <message>
        <source>Measuring a moving face at k = {k}</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>Medindo um rosto em movimento com k = {k}</translation>
    </message>
    <message>
        <source>Measuring this machine for about half a minute; close what else it does.</source>
        <extracomment>app/cli/inspection.py</extracomment>
        <translation>Medindo esta máquina por cerca de meio minuto; feche outros programas.</translation>
    </message>
    <message>
        <source>Measuring {name} on every provider</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>Medindo {name} em cada provedor</translation>
    </message>
    <message>
        <source>Memory</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>Memória</translation>
    </message>
    <message>
        <source>Messages</source>
        <extracomment>app/ui/dialogs/notifications.py</extracomment>
        <translation>Mensagens</translation>
    </message>
    <message>
        <source>Microphone</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Microfone</translation>
    </message>
    <message>
        <source>Microphone by name; empty for the system&apos;s default</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Nome do microfone; vazio para o do sistema</translation>
    </message>
    <message>
        <source>Milliseconds, last minute</source>
        <extracomment>app/ui/preview/plot.py</extracomment>
        <translation>Milissegundos, último minuto</translation>
    </message>
    <message>
        <source>Mirror</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Espelhar</translation>
    </message>
    <message>
        <source>Mirror recordings</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Espelhar gravações</translation>
    </message>
    <message>
        <source>Mirror the camera</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Espelhar a câmera</translation>
    </message>
    <message>
        <source>More</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Mais</translation>
    </message>
    <message>
        <source>Move the divider (picture focused)</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Mover o divisor (imagem em foco)</translation>
    </message>
    <message>
        <source>Move to trash</source>
        <extracomment>app/ui/dialogs/gallery.py</extracomment>
        <translation>Mover para a lixeira</translation>
    </message>
    <message>
        <source>Moving face</source>
        <extracomment>app/pipeline/measuring/scene.py</extracomment>
        <translation>Rosto em movimento</translation>
    </message>
    <message>
        <source>Mute the video</source>
        <extracomment>app/ui/panel/transport.py</extracomment>
        <translation>Silenciar o vídeo</translation>
    </message>
    <message>
        <source>Name a folder beside the input.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>Indique uma pasta ao lado da entrada.</translation>
    </message>
    <message>
        <source>Name a folder.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>Indique uma pasta.</translation>
    </message>
    <message>
        <source>Name a picture.</source>
        <extracomment>app/batch/sheet.py</extracomment>
        <translation>Indique uma imagem.</translation>
    </message>
    <message>
        <source>Name another address: originals are never overwritten.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>Indique outro endereço: os originais nunca são sobrescritos.</translation>
    </message>
    <message>
        <source>Name another folder: originals are never overwritten.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>Indique outra pasta: os originais nunca são sobrescritos.</translation>
    </message>
    <message>
        <source>Name both; a dot is the current folder.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>Indique os dois; um ponto é a pasta atual.</translation>
    </message>
    <message>
        <source>Name that address itself.</source>
        <extracomment>app/sources/mjpeg.py, app/sources/rtsp.py</extracomment>
        <translation>Indique esse próprio endereço.</translation>
    </message>
    <message>
        <source>Needs: {needs}</source>
        <extracomment>app/ui/panel/outputs.py</extracomment>
        <translation>Precisa de: {needs}</translation>
    </message>
    <message>
        <source>Network stream</source>
        <extracomment>app/outputs/stream.py, app/sources/stream.py</extracomment>
        <translation>Transmissão em rede</translation>
    </message>
    <message>
        <source>Next</source>
        <extracomment>app/ui/panel/picture_bar.py</extracomment>
        <translation>Próxima</translation>
    </message>
    <message>
        <source>Next picture of the folder</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Próxima imagem da pasta</translation>
    </message>
    <message>
        <source>Next view</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Próxima exibição</translation>
    </message>
    <message>
        <source>No camera found</source>
        <extracomment>app/ui/panel/source_menu.py</extracomment>
        <translation>Nenhuma câmera encontrada</translation>
    </message>
    <message>
        <source>No camera was found.</source>
        <extracomment>app/sources/camera.py, app/ui/texts/source.py</extracomment>
        <translation>Nenhuma câmera foi encontrada.</translation>
    </message>
    <message>
        <source>No camera, so the demo clip is playing</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>Sem câmera; reproduzindo o clipe de demonstração</translation>
    </message>
    <message>
        <source>No encoder for {width}x{height} works here.</source>
        <extracomment>app/media/videos/encoder.py</extracomment>
        <translation>Nenhum codificador para {width}x{height} funciona aqui.</translation>
    </message>
    <message>
        <source>No face found</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>Nenhum rosto encontrado</translation>
    </message>
    <message>
        <source>No face to restore</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>Nenhum rosto a restaurar</translation>
    </message>
    <message>
        <source>No face was restored within {seconds:g} s.</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>Nenhum rosto foi restaurado em {seconds:g} s.</translation>
    </message>
    <message>
        <source>No microphone</source>
        <extracomment>app/ui/texts/sound.py</extracomment>
        <translation>Sem microfone</translation>
    </message>
    <message>
        <source>No scheduler answers at {address}.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>Nenhum agendador responde em {address}.</translation>
    </message>
    <message>
        <source>No sound</source>
        <extracomment>app/ui/texts/sound.py</extracomment>
        <translation>Sem som</translation>
    </message>
    <message>
        <source>No source</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>Sem fonte</translation>
    </message>
    <message>
        <source>No {kind} is named in {path}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>Nenhum {kind} é citado em {path}.</translation>
    </message>
    <message>
        <source>Nodes: {nodes}.</source>
        <extracomment>app/ui/texts/engine.py</extracomment>
        <translation>Nós: {nodes}.</translation>
    </message>
    <message>
        <source>Not one of the {count} pictures in {path} can be read.</source>
        <extracomment>app/sources/images.py</extracomment>
        <translation>Nenhuma das {count} imagens em {path} pode ser lida.</translation>
    </message>
    <message>
        <source>Not one picture of {path} can be decoded.</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>Nenhuma imagem de {path} pode ser decodificada.</translation>
    </message>
    <message>
        <source>Nothing of it could be kept.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>Nada pôde ser mantido.</translation>
    </message>
    <message>
        <source>Nothing was recorded yet.</source>
        <extracomment>app/ui/dialogs/gallery.py</extracomment>
        <translation>Nada foi gravado ainda.</translation>
    </message>
    <message>
        <source>Now {quality}.</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>Agora {quality}.</translation>
    </message>
    <message>
        <source>Now {quality}: there is time for it.</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>Agora {quality}: há tempo para isso.</translation>
    </message>
    <message>
        <source>Now {quality}: {reason}.</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>Agora {quality}: {reason}.</translation>
    </message>
    <message>
        <source>ONNX Runtime used {provider} instead</source>
        <extracomment>app/restorers/contest.py</extracomment>
        <translation>O ONNX Runtime usou {provider} em vez disso</translation>
    </message>
    <message>
        <source>Of recordings and saved files; larger ones keep small faces finer. A live recording falls back to a smaller size where this machine is too slow</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>De gravações e arquivos salvos; os maiores mantêm rostos pequenos mais finos. Uma gravação ao vivo passa a um tamanho menor se esta máquina for lenta demais</translation>
    </message>
    <message>
        <source>Offline</source>
        <extracomment>app/pipeline/live/session.py</extracomment>
        <translation>Off-line</translation>
    </message>
    <message>
        <source>One cycle: the least delay</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>Um ciclo: o menor atraso</translation>
    </message>
    <message>
        <source>One face alone, the next one, all again</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Um rosto só, o próximo, todos de novo</translation>
    </message>
    <message>
        <source>Open</source>
        <extracomment>app/ui/dialogs/dialogs.py</extracomment>
        <translation>Abrir</translation>
    </message>
    <message>
        <source>Open a file</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Abrir um arquivo</translation>
    </message>
    <message>
        <source>Open a file…</source>
        <extracomment>app/ui/actions.py, app/ui/texts/source.py</extracomment>
        <translation>Abrir um arquivo…</translation>
    </message>
    <message>
        <source>Open a folder</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Abrir uma pasta</translation>
    </message>
    <message>
        <source>Open a folder of pictures</source>
        <extracomment>app/ui/flows/choosing.py</extracomment>
        <translation>Abrir uma pasta de imagens</translation>
    </message>
    <message>
        <source>Open a folder of pictures…</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Abrir uma pasta de imagens…</translation>
    </message>
    <message>
        <source>Open a source first.</source>
        <extracomment>app/pipeline/live/recording.py, app/pipeline/live/session.py</extracomment>
        <translation>Abra primeiro uma fonte.</translation>
    </message>
    <message>
        <source>Open a stream</source>
        <extracomment>app/ui/actions.py, app/ui/dialogs/dialogs.py</extracomment>
        <translation>Abrir uma transmissão</translation>
    </message>
    <message>
        <source>Open a stream…</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Abrir uma transmissão…</translation>
    </message>
    <message>
        <source>Open a video or a picture</source>
        <extracomment>app/ui/flows/choosing.py</extracomment>
        <translation>Abrir um vídeo ou uma imagem</translation>
    </message>
    <message>
        <source>Open a video, a picture or a folder; a camera is recorded with R.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Abra um vídeo, uma imagem ou uma pasta; para gravar uma câmera, use R.</translation>
    </message>
    <message>
        <source>Open folder</source>
        <extracomment>app/ui/flows/capture.py, app/ui/flows/sharing.py</extracomment>
        <translation>Abrir pasta</translation>
    </message>
    <message>
        <source>Open it in the window and record it: python main.py --source ADDRESS</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>Abra-a na janela e grave-a: python main.py --source ADDRESS</translation>
    </message>
    <message>
        <source>Open log&apos;s folder</source>
        <extracomment>app/ui/flows/help.py</extracomment>
        <translation>Abrir a pasta do log</translation>
    </message>
    <message>
        <source>Open the folder for recordings</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Abrir a pasta de gravações</translation>
    </message>
    <message>
        <source>Open the log&apos;s folder</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Abrir a pasta do log</translation>
    </message>
    <message>
        <source>Opening the first camera…</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>Abrindo a primeira câmera…</translation>
    </message>
    <message>
        <source>Opening {name}…</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>Abrindo {name}…</translation>
    </message>
    <message>
        <source>Opening…</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>Abrindo…</translation>
    </message>
    <message>
        <source>Opens the window. Settings given here hold this time; the others are as they were left.</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>Abre a janela. Os ajustes dados aqui valem desta vez; os outros ficam como estavam.</translation>
    </message>
    <message>
        <source>Opens {address}</source>
        <extracomment>app/ui/dialogs/dialogs.py</extracomment>
        <translation>Abre {address}</translation>
    </message>
    <message>
        <source>Original</source>
        <extracomment>app/batch/sheet.py, app/core/settings.py, app/outputs/compose.py, app/ui/panel/panel.py, app/ui/preview/state_text.py</extracomment>
        <translation>Original</translation>
    </message>
    <message>
        <source>Original only</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Só o original</translation>
    </message>
    <message>
        <source>Others see</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Os outros veem</translation>
    </message>
    <message>
        <source>Output size</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Tamanho final</translation>
    </message>
    <message>
        <source>Outputs</source>
        <extracomment>app/ui/panel/outputs.py</extracomment>
        <translation>Saídas</translation>
    </message>
    <message>
        <source>Passes</source>
        <extracomment>app/ui/panel/cycles.py</extracomment>
        <translation>Passadas</translation>
    </message>
    <message>
        <source>Paste the picture where you like.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Cole a imagem onde quiser.</translation>
    </message>
    <message>
        <source>Paste them where you report the problem.</source>
        <extracomment>app/ui/flows/help.py</extracomment>
        <translation>Cole onde você relatar o problema.</translation>
    </message>
    <message>
        <source>Pause</source>
        <extracomment>app/ui/panel/transport.py</extracomment>
        <translation>Pausar</translation>
    </message>
    <message>
        <source>Pause, continue (picture focused)</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Pausar, continuar (imagem em foco)</translation>
    </message>
    <message>
        <source>Paused</source>
        <extracomment>app/pipeline/live/session.py</extracomment>
        <translation>Em pausa</translation>
    </message>
    <message>
        <source>Paused. Press Space to go on</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>Em pausa. Pressione Espaço para continuar</translation>
    </message>
    <message>
        <source>Picture before</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Imagem anterior</translation>
    </message>
    <message>
        <source>Picture, before and after</source>
        <extracomment>app/ui/preview/preview.py</extracomment>
        <translation>Imagem, antes e depois</translation>
    </message>
    <message>
        <source>Pictures</source>
        <extracomment>app/sources/images.py, app/ui/texts/source.py</extracomment>
        <translation>Imagens</translation>
    </message>
    <message>
        <source>Pictures per second of the virtual camera</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Imagens por segundo da câmera virtual</translation>
    </message>
    <message>
        <source>Place in the video</source>
        <extracomment>app/ui/panel/transport.py</extracomment>
        <translation>Posição no vídeo</translation>
    </message>
    <message>
        <source>Play</source>
        <extracomment>app/ui/dialogs/gallery.py, app/ui/panel/transport.py</extracomment>
        <translation>Reproduzir</translation>
    </message>
    <message>
        <source>Play sound</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Tocar som</translation>
    </message>
    <message>
        <source>Play the demo clip</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Reproduzir o clipe de demonstração</translation>
    </message>
    <message>
        <source>Play the sound of a video</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Toca o som de um vídeo</translation>
    </message>
    <message>
        <source>Play the video&apos;s sound</source>
        <extracomment>app/ui/panel/transport.py</extracomment>
        <translation>Tocar o som do vídeo</translation>
    </message>
    <message>
        <source>Plot the last minute under the picture</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Mostra o último minuto em um gráfico sob a imagem</translation>
    </message>
    <message>
        <source>Plug it in or choose one of: {known}.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>Conecte-a ou escolha uma destas: {known}.</translation>
    </message>
    <message>
        <source>Plug one in and press F5, or open a file or a stream.</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>Conecte uma e pressione F5, ou abra um arquivo ou uma transmissão.</translation>
    </message>
    <message>
        <source>Plug one in, or choose a file or a stream.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>Conecte uma ou escolha um arquivo ou uma transmissão.</translation>
    </message>
    <message>
        <source>Position of the divider</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Posição do divisor</translation>
    </message>
    <message>
        <source>Precision</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Precisão</translation>
    </message>
    <message>
        <source>Previous</source>
        <extracomment>app/ui/panel/picture_bar.py</extracomment>
        <translation>Anterior</translation>
    </message>
    <message>
        <source>Program</source>
        <extracomment>app/ui/dialogs/about.py</extracomment>
        <translation>Programa</translation>
    </message>
    <message>
        <source>Progress</source>
        <extracomment>app/ui/panel/job_bar.py</extracomment>
        <translation>Progresso</translation>
    </message>
    <message>
        <source>Quality</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Qualidade</translation>
    </message>
    <message>
        <source>R records, S takes a picture.</source>
        <extracomment>app/ui/flows/first_hints.py</extracomment>
        <translation>R grava, S tira uma foto.</translation>
    </message>
    <message>
        <source>Recent</source>
        <extracomment>app/ui/panel/source_menu.py</extracomment>
        <translation>Recentes</translation>
    </message>
    <message>
        <source>Record</source>
        <extracomment>app/ui/panel/panel.py, app/ui/texts/sound.py</extracomment>
        <translation>Gravar</translation>
    </message>
    <message>
        <source>Record a video</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Gravar um vídeo</translation>
    </message>
    <message>
        <source>Record and save the mirrored picture too</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Gravar e salvar também a imagem espelhada</translation>
    </message>
    <message>
        <source>Record the video&apos;s own sound, or the microphone beside a camera</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Grava o som do próprio vídeo ou, com uma câmera, o microfone</translation>
    </message>
    <message>
        <source>Record, no sound</source>
        <extracomment>app/ui/texts/sound.py</extracomment>
        <translation>Gravar, sem som</translation>
    </message>
    <message>
        <source>Record, stop</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Gravar, parar</translation>
    </message>
    <message>
        <source>Recording</source>
        <extracomment>app/core/setting.py, app/core/settings.py, app/outputs/recordings/output.py</extracomment>
        <translation>Gravação</translation>
    </message>
    <message>
        <source>Recording failed: {error}.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>A gravação falhou: {error}.</translation>
    </message>
    <message>
        <source>Recording {duration}</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>Gravando {duration}</translation>
    </message>
    <message>
        <source>Recording {size}: {wanted} times is too slow here. Save restored… has time for it.</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>Gravação {size}: {wanted} vezes é lento demais aqui. “Salvar restaurado…” tem tempo para isso.</translation>
    </message>
    <message>
        <source>Recordings and pictures</source>
        <extracomment>app/ui/dialogs/gallery.py</extracomment>
        <translation>Gravações e imagens</translation>
    </message>
    <message>
        <source>Requested from the camera</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Pedido à câmera</translation>
    </message>
    <message>
        <source>Requested from the camera; the window shows what it delivers</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Pedido à câmera; a janela mostra o que ela entrega</translation>
    </message>
    <message>
        <source>Reset all settings</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Redefinir todos os ajustes</translation>
    </message>
    <message>
        <source>Resolution</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Resolução</translation>
    </message>
    <message>
        <source>Restoration</source>
        <extracomment>app/core/setting.py, app/ui/actions.py</extracomment>
        <translation>Restauração</translation>
    </message>
    <message>
        <source>Restore it again when nothing writes to it.</source>
        <extracomment>app/batch/jobs/task.py</extracomment>
        <translation>Restaure de novo quando nada mais gravar nele.</translation>
    </message>
    <message>
        <source>Restore it again with --fresh.</source>
        <extracomment>app/batch/videos/joining.py</extracomment>
        <translation>Restaure de novo com --fresh.</translation>
    </message>
    <message>
        <source>Restore the largest N faces; 0 restores all</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Restaura os N maiores rostos; 0 restaura todos</translation>
    </message>
    <message>
        <source>Restore the whole file</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Restaurar o arquivo inteiro</translation>
    </message>
    <message>
        <source>Restore without it, or copy the file here first.</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>Restaure sem essa opção ou copie antes o arquivo para cá.</translation>
    </message>
    <message>
        <source>Restored</source>
        <extracomment>app/core/settings.py, app/outputs/compose.py, app/ui/preview/state_text.py</extracomment>
        <translation>Restaurado</translation>
    </message>
    <message>
        <source>Restored and saved</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Restaurado e salvo</translation>
    </message>
    <message>
        <source>Restored only</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Só o restaurado</translation>
    </message>
    <message>
        <source>Restorer</source>
        <extracomment>app/core/settings.py, app/ui/panel/panel.py</extracomment>
        <translation>Rede</translation>
    </message>
    <message>
        <source>Restorers are: {known}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>Redes disponíveis: {known}.</translation>
    </message>
    <message>
        <source>Restores every face in a picture, a video (every frame and the sound are kept) or a folder of both
(names and subfolders are kept). Outside the faces nothing changes. The input is never overwritten.</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>Restaura todos os rostos de uma imagem, um vídeo (todos os quadros e o som são mantidos) ou uma pasta com ambos
(nomes e subpastas são mantidos). Fora dos rostos nada muda. A entrada nunca é sobrescrita.</translation>
    </message>
    <message>
        <source>Restores faces live, with a network that is applied k times (arXiv 2606.06850).</source>
        <extracomment>app/ui/dialogs/about.py</extracomment>
        <translation>Restaura rostos ao vivo, com uma rede aplicada k vezes (arXiv 2606.06850).</translation>
    </message>
    <message>
        <source>Restores faces live, with a small network applied k times. No command opens the window.</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>Restaura rostos ao vivo, com uma pequena rede aplicada k vezes. Sem comando, a janela é aberta.</translation>
    </message>
    <message>
        <source>Restoring failed: {error}.</source>
        <extracomment>app/batch/background.py, app/pipeline/live/inference.py</extracomment>
        <translation>A restauração falhou: {error}.</translation>
    </message>
    <message>
        <source>Restoring was cancelled</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>A restauração foi cancelada</translation>
    </message>
    <message>
        <source>Restoring {name}</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Restaurando {name}</translation>
    </message>
    <message>
        <source>Retry</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>Tentar de novo</translation>
    </message>
    <message>
        <source>Room on the disk</source>
        <extracomment>app/outputs/recordings/output.py</extracomment>
        <translation>Espaço no disco</translation>
    </message>
    <message>
        <source>Run the shards that are missing, or leave --join out to do the rest here.</source>
        <extracomment>app/batch/engine.py</extracomment>
        <translation>Execute as partes que faltam ou retire --join para fazer o resto aqui.</translation>
    </message>
    <message>
        <source>Same as the system</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Como o sistema</translation>
    </message>
    <message>
        <source>Save before and after in one picture</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Salvar antes e depois em uma imagem</translation>
    </message>
    <message>
        <source>Save it as RGB.</source>
        <extracomment>app/media/pictures/picture_facts.py</extracomment>
        <translation>Salve como RGB.</translation>
    </message>
    <message>
        <source>Save it as one file, for example with `onnx.save_model(model, path)`, and describe it anew.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>Salve em um só arquivo, por exemplo com `onnx.save_model(model, path)`, e descreva de novo.</translation>
    </message>
    <message>
        <source>Save it with 8 or 16 bits.</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>Salve com 8 ou 16 bits.</translation>
    </message>
    <message>
        <source>Save restored</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Salvar restaurado</translation>
    </message>
    <message>
        <source>Save restored…</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Salvar restaurado…</translation>
    </message>
    <message>
        <source>Save the one that is meant as a file of its own.</source>
        <extracomment>app/media/pictures/picture_facts.py</extracomment>
        <translation>Salve a imagem desejada em um arquivo próprio.</translation>
    </message>
    <message>
        <source>Saved {names}</source>
        <extracomment>app/ui/flows/capture.py</extracomment>
        <translation>Salvo: {names}</translation>
    </message>
    <message>
        <source>Saved {names}.</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>Salvo: {names}.</translation>
    </message>
    <message>
        <source>Saving to the same place later goes on with what is finished.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Salvar depois no mesmo lugar continua a partir do que está pronto.</translation>
    </message>
    <message>
        <source>Sees 16x16 pixels of a face, whatever it is given: it suits faces that are hardly larger.</source>
        <extracomment>app/restorers/families/pfsrnet.py</extracomment>
        <translation>Vê 16x16 pixels de um rosto, receba o que receber: serve para rostos pouco maiores.</translation>
    </message>
    <message>
        <source>Set everything up with `python3 bootstrap.py run`; it names what the system itself lacks.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>Prepare tudo com `python3 bootstrap.py run`; ele indica o que falta no próprio sistema.</translation>
    </message>
    <message>
        <source>Set the camera to a smaller size.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>Ajuste a câmera para um tamanho menor.</translation>
    </message>
    <message>
        <source>Settings are as they were</source>
        <extracomment>app/ui/flows/reset.py</extracomment>
        <translation>Os ajustes estão como antes</translation>
    </message>
    <message>
        <source>Settings are at their defaults already</source>
        <extracomment>app/ui/flows/reset.py</extracomment>
        <translation>Os ajustes já estão nos valores padrão</translation>
    </message>
    <message>
        <source>Settings are back to their defaults</source>
        <extracomment>app/ui/flows/reset.py</extracomment>
        <translation>Os ajustes voltaram aos valores padrão</translation>
    </message>
    <message>
        <source>Shards keep their journals in the output folder, and that is behind an address.</source>
        <extracomment>app/batch/engine.py</extracomment>
        <translation>As partes mantêm o diário na pasta de saída, e ela está atrás de um endereço.</translation>
    </message>
    <message>
        <source>Share the last seconds as a clip</source>
        <extracomment>app/ui/actions.py, app/ui/menus.py</extracomment>
        <translation>Compartilhar os últimos segundos como clipe</translation>
    </message>
    <message>
        <source>Share: clips, pictures, whole files</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Compartilhar: clipes, imagens, arquivos inteiros</translation>
    </message>
    <message>
        <source>Show a camera as a mirror does; recordings are not mirrored</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Mostra uma câmera como um espelho; gravações não são espelhadas</translation>
    </message>
    <message>
        <source>Show each face&apos;s box and the cycles it took</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Mostra a moldura de cada rosto e seus ciclos</translation>
    </message>
    <message>
        <source>Show in folder</source>
        <extracomment>app/ui/dialogs/gallery.py</extracomment>
        <translation>Mostrar na pasta</translation>
    </message>
    <message>
        <source>Show or hide everything else: camera, cycles, outputs, engine</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Mostrar ou ocultar todo o resto: câmera, ciclos, saídas, motor</translation>
    </message>
    <message>
        <source>Show the time of every stage</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Mostra o tempo de cada etapa</translation>
    </message>
    <message>
        <source>Side by side</source>
        <extracomment>app/core/settings.py, app/ui/panel/panel.py</extracomment>
        <translation>Paralelo</translation>
    </message>
    <message>
        <source>Single</source>
        <extracomment>app/ui/panel/cycles.py</extracomment>
        <translation>Uma</translation>
    </message>
    <message>
        <source>Size of its picture; another shape gets bars</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Tamanho da sua imagem; outro formato recebe barras</translation>
    </message>
    <message>
        <source>Slowed down: {rate}</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>Mais lento: {rate}</translation>
    </message>
    <message>
        <source>Snapshot saved, before and after</source>
        <extracomment>app/ui/flows/capture.py</extracomment>
        <translation>Foto salva, antes e depois</translation>
    </message>
    <message>
        <source>Snapshot, before and after</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Foto, antes e depois</translation>
    </message>
    <message>
        <source>Snapshot: saves before and after</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Foto: salva antes e depois</translation>
    </message>
    <message>
        <source>Something unexpected went wrong: {error}</source>
        <extracomment>app/ui/reports.py</extracomment>
        <translation>Ocorreu um erro inesperado: {error}</translation>
    </message>
    <message>
        <source>Sound</source>
        <extracomment>app/core/settings.py, app/ui/panel/sound_row.py</extracomment>
        <translation>Som</translation>
    </message>
    <message>
        <source>Sound of recordings</source>
        <extracomment>app/ui/panel/sound_row.py</extracomment>
        <translation>Som das gravações</translation>
    </message>
    <message>
        <source>Source</source>
        <extracomment>app/core/setting.py, app/core/settings.py, app/ui/actions.py, app/ui/panel/panel.py</extracomment>
        <translation>Fonte</translation>
    </message>
    <message>
        <source>Source is {state}</source>
        <extracomment>app/ui/panel/status_line.py</extracomment>
        <translation>Fonte: {state}</translation>
    </message>
    <message>
        <source>Source: {name}</source>
        <extracomment>app/ui/style/buttons.py</extracomment>
        <translation>Fonte: {name}</translation>
    </message>
    <message>
        <source>Spinning</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Espera ativa</translation>
    </message>
    <message>
        <source>Split</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Dividido</translation>
    </message>
    <message>
        <source>Split as seen</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Como exibido</translation>
    </message>
    <message>
        <source>Split: drag the divider</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Dividido: arraste o divisor</translation>
    </message>
    <message>
        <source>Start it again and give the same command: it goes on.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>Inicie-o de novo e dê o mesmo comando: o trabalho continua.</translation>
    </message>
    <message>
        <source>Start it on a desktop. Without one, `{program} restore` works on files; see --help.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>Inicie em uma área de trabalho. Sem ela, `{program} restore` trabalha com arquivos; veja --help.</translation>
    </message>
    <message>
        <source>Start one with `dask scheduler`.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>Inicie um com `dask scheduler`.</translation>
    </message>
    <message>
        <source>Start some with `dask worker`.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>Inicie alguns com `dask worker`.</translation>
    </message>
    <message>
        <source>Starting…</source>
        <extracomment>app/ui/panel/outputs.py, app/ui/panel/status_line.py, app/ui/preview/preview.py</extracomment>
        <translation>Iniciando…</translation>
    </message>
    <message>
        <source>Steady</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Estabilidade</translation>
    </message>
    <message>
        <source>Stop  {duration}  {size}</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Parar  {duration}  {size}</translation>
    </message>
    <message>
        <source>Stop and close</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Parar e fechar</translation>
    </message>
    <message>
        <source>Stop below</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Parar abaixo</translation>
    </message>
    <message>
        <source>Stop it first.</source>
        <extracomment>app/outputs/fanout.py, app/pipeline/live/recording.py</extracomment>
        <translation>Pare-a primeiro.</translation>
    </message>
    <message>
        <source>Stop recording</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>Parar a gravação</translation>
    </message>
    <message>
        <source>Strength</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Intensidade</translation>
    </message>
    <message>
        <source>Strength down</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Menos intensidade</translation>
    </message>
    <message>
        <source>Strength up</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Mais intensidade</translation>
    </message>
    <message>
        <source>System microphone</source>
        <extracomment>app/ui/texts/sound.py</extracomment>
        <translation>Microfone padrão</translation>
    </message>
    <message>
        <source>TB</source>
        <extracomment>app/ui/style/formatting.py</extracomment>
        <translation>TB</translation>
    </message>
    <message>
        <source>Target rate</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Taxa desejada</translation>
    </message>
    <message>
        <source>That part is in {kept}. Add --overwrite to restore it again.</source>
        <extracomment>app/batch/run.py</extracomment>
        <translation>Essa parte está em {kept}. Acrescente --overwrite para restaurar de novo.</translation>
    </message>
    <message>
        <source>The camera does not open, so the demo clip is playing</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>A câmera não abre, então o clipe de demonstração está sendo exibido</translation>
    </message>
    <message>
        <source>The camera {name} cannot be opened.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>Não é possível abrir a câmera {name}.</translation>
    </message>
    <message>
        <source>The camera {name} opens but gives no picture.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>A câmera {name} abre, mas não dá imagem.</translation>
    </message>
    <message>
        <source>The camera {name} stopped giving pictures.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>A câmera {name} parou de dar imagens.</translation>
    </message>
    <message>
        <source>The chosen face is out of sight · Esc: all faces</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>O rosto escolhido não está visível · Esc: todos os rostos</translation>
    </message>
    <message>
        <source>The clip was not made.</source>
        <extracomment>app/outputs/sharing/clip.py</extracomment>
        <translation>O clipe não foi criado.</translation>
    </message>
    <message>
        <source>The details are in {log}</source>
        <extracomment>app/batch/background.py, app/batch/worker.py, app/cli/messages.py, app/ui/reports.py</extracomment>
        <translation>Os detalhes estão em {log}</translation>
    </message>
    <message>
        <source>The disk of {folder} is almost full.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>O disco de {folder} está quase cheio.</translation>
    </message>
    <message>
        <source>The encoder {encoder} cannot be used here for {width}x{height} pixels.</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>O codificador {encoder} não pode ser usado aqui para {width}x{height} pixels.</translation>
    </message>
    <message>
        <source>The face detector failed: {error}.</source>
        <extracomment>app/faces/detector.py</extracomment>
        <translation>O detector de rostos falhou: {error}.</translation>
    </message>
    <message>
        <source>The face detector is missing: {model}.</source>
        <extracomment>app/faces/detector.py</extracomment>
        <translation>Falta o detector de rostos: {model}.</translation>
    </message>
    <message>
        <source>The face detector {name} was refused: {error}.</source>
        <extracomment>app/faces/detector.py</extracomment>
        <translation>O detector de rostos {name} foi recusado: {error}.</translation>
    </message>
    <message>
        <source>The file being recorded was deleted or moved away.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>O arquivo em gravação foi apagado ou movido.</translation>
    </message>
    <message>
        <source>The file is damaged.</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>O arquivo está danificado.</translation>
    </message>
    <message>
        <source>The folder of {path} does not exist.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>A pasta de {path} não existe.</translation>
    </message>
    <message>
        <source>The folder {path} may not be read.</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>Não é permitido ler a pasta {path}.</translation>
    </message>
    <message>
        <source>The frame rate that auto k holds</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>A taxa de quadros que o k automático mantém</translation>
    </message>
    <message>
        <source>The inference engine failed: {error}.</source>
        <extracomment>app/restorers/engine.py</extracomment>
        <translation>O motor de inferência falhou: {error}.</translation>
    </message>
    <message>
        <source>The inference engine refused {file}: {error}.</source>
        <extracomment>app/restorers/engine.py</extracomment>
        <translation>O motor de inferência recusou {file}: {error}.</translation>
    </message>
    <message>
        <source>The journal in {folder} cannot be written ({error}).</source>
        <extracomment>app/batch/jobs/journal.py</extracomment>
        <translation>Não é possível gravar o diário em {folder} ({error}).</translation>
    </message>
    <message>
        <source>The journal {path} cannot be opened ({error}).</source>
        <extracomment>app/batch/jobs/journal.py</extracomment>
        <translation>Não é possível abrir o diário {path} ({error}).</translation>
    </message>
    <message>
        <source>The key of {host} is not among those that this computer knows.</source>
        <extracomment>app/media/sftp.py</extracomment>
        <translation>A chave de {host} não está entre as que este computador conhece.</translation>
    </message>
    <message>
        <source>The list of models cannot be read: {path} ({reason}).</source>
        <extracomment>app/restorers/manifest.py</extracomment>
        <translation>Não é possível ler a lista de modelos: {path} ({reason}).</translation>
    </message>
    <message>
        <source>The list of models is damaged: {path} ({error}).</source>
        <extracomment>app/restorers/manifest.py</extracomment>
        <translation>A lista de modelos está danificada: {path} ({error}).</translation>
    </message>
    <message>
        <source>The list of models {path} cannot be used: {error}.</source>
        <extracomment>app/restorers/manifest.py</extracomment>
        <translation>Não é possível usar a lista de modelos {path}: {error}.</translation>
    </message>
    <message>
        <source>The list of models {path} lacks the field {error}.</source>
        <extracomment>app/restorers/manifest.py</extracomment>
        <translation>Falta o campo {error} na lista de modelos {path}.</translation>
    </message>
    <message>
        <source>The model {name} ({precision})</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>O modelo {name} ({precision})</translation>
    </message>
    <message>
        <source>The model {name} is a {kind}, not a restorer.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>O modelo {name} é um {kind}, não uma rede de restauração.</translation>
    </message>
    <message>
        <source>The name of {path} is too long for any disk.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>O nome de {path} é longo demais para qualquer disco.</translation>
    </message>
    <message>
        <source>The name of {path} is too long for this disk.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>O nome de {path} é longo demais para este disco.</translation>
    </message>
    <message>
        <source>The network gave values that are no numbers.</source>
        <extracomment>app/restorers/buffers.py</extracomment>
        <translation>A rede deu valores que não são números.</translation>
    </message>
    <message>
        <source>The network that restores faces</source>
        <extracomment>app/ui/panel/panel.py</extracomment>
        <translation>A rede que restaura rostos</translation>
    </message>
    <message>
        <source>The network that restores faces; empty for the default one</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>A rede que restaura rostos; vazio para a padrão</translation>
    </message>
    <message>
        <source>The networks were trained on pictures gathered for research. Using them for anything else is not covered by the licence of the program.</source>
        <extracomment>app/ui/dialogs/about.py</extracomment>
        <translation>As redes foram treinadas com imagens reunidas para pesquisa. A licença do programa não cobre nenhum outro uso.</translation>
    </message>
    <message>
        <source>The others are in the source menu, under Recent.</source>
        <extracomment>app/ui/flows/choosing.py</extracomment>
        <translation>Os outros estão no menu de fontes, em Recentes.</translation>
    </message>
    <message>
        <source>The output failed: {error}.</source>
        <extracomment>app/outputs/base.py</extracomment>
        <translation>A saída falhou: {error}.</translation>
    </message>
    <message>
        <source>The pieces of a video overlap.</source>
        <extracomment>app/batch/videos/joining.py</extracomment>
        <translation>Os trechos de um vídeo se sobrepõem.</translation>
    </message>
    <message>
        <source>The pieces of a video were encoded differently: {name}.</source>
        <extracomment>app/batch/videos/joining.py</extracomment>
        <translation>Os trechos de um vídeo foram codificados de formas diferentes: {name}.</translation>
    </message>
    <message>
        <source>The restored picture</source>
        <extracomment>app/outputs/stream.py</extracomment>
        <translation>A imagem restaurada</translation>
    </message>
    <message>
        <source>The restored piece {path} cannot be read ({reason}).</source>
        <extracomment>app/batch/videos/joining.py</extracomment>
        <translation>Não é possível ler o trecho restaurado {path} ({reason}).</translation>
    </message>
    <message>
        <source>The restorer {name} could not be loaded: {error}.</source>
        <extracomment>app/pipeline/live/loader.py</extracomment>
        <translation>Não foi possível carregar a rede {name}: {error}.</translation>
    </message>
    <message>
        <source>The results cannot be printed: {reason}.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>Não é possível mostrar os resultados: {reason}.</translation>
    </message>
    <message>
        <source>The scheduler has no workers.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>O agendador não tem workers.</translation>
    </message>
    <message>
        <source>The scheduler is gone.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>O agendador não está mais disponível.</translation>
    </message>
    <message>
        <source>The sound of {path} cannot be read ({reason}).</source>
        <extracomment>app/media/videos/sound_reader.py</extracomment>
        <translation>Não é possível ler o som de {path} ({reason}).</translation>
    </message>
    <message>
        <source>The source</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>A fonte</translation>
    </message>
    <message>
        <source>The source cannot be opened.</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>Não é possível abrir a fonte.</translation>
    </message>
    <message>
        <source>The source did not open within {seconds:g} s.</source>
        <extracomment>app/pipeline/capture/worker.py</extracomment>
        <translation>A fonte não abriu em {seconds:g} s.</translation>
    </message>
    <message>
        <source>The source failed.</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>A fonte falhou.</translation>
    </message>
    <message>
        <source>The source failed: {error}.</source>
        <extracomment>app/pipeline/capture/attempt.py</extracomment>
        <translation>A fonte falhou: {error}.</translation>
    </message>
    <message>
        <source>The stream cannot be served at {host}:{port}: {reason}.</source>
        <extracomment>app/outputs/stream.py</extracomment>
        <translation>Não é possível servir a transmissão em {host}:{port}: {reason}.</translation>
    </message>
    <message>
        <source>The stream {address} ended.</source>
        <extracomment>app/sources/mjpeg.py, app/sources/stream.py</extracomment>
        <translation>A transmissão {address} terminou.</translation>
    </message>
    <message>
        <source>The stream {address} is too slow.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>A transmissão {address} é lenta demais.</translation>
    </message>
    <message>
        <source>The stream {address} sends a picture that is too large.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>A transmissão {address} envia uma imagem grande demais.</translation>
    </message>
    <message>
        <source>The stream {address} sends damaged pictures only.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>A transmissão {address} só envia imagens danificadas.</translation>
    </message>
    <message>
        <source>The stream {address} sends headers that cannot be read.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>A transmissão {address} envia cabeçalhos ilegíveis.</translation>
    </message>
    <message>
        <source>The stream {address} stalled.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>A transmissão {address} travou.</translation>
    </message>
    <message>
        <source>The stream {address} stopped ({reason}).</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>A transmissão {address} parou ({reason}).</translation>
    </message>
    <message>
        <source>The stream {address} was cut.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>A transmissão {address} foi cortada.</translation>
    </message>
    <message>
        <source>The system&apos;s microphone does not open: the recording has no sound.</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>O microfone do sistema não abre: a gravação fica sem som.</translation>
    </message>
    <message>
        <source>The video&apos;s sound</source>
        <extracomment>app/ui/texts/sound.py</extracomment>
        <translation>Som do vídeo</translation>
    </message>
    <message>
        <source>The virtual camera needs the package pyvirtualcam, which is not installed.</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>A câmera virtual precisa do pacote pyvirtualcam, que não está instalado.</translation>
    </message>
    <message>
        <source>The virtual camera {name} is gone ({error}).</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>A câmera virtual {name} não está mais disponível ({error}).</translation>
    </message>
    <message>
        <source>The virtual camera {path} cannot be used: {reason}.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>Não é possível usar a câmera virtual {path}: {reason}.</translation>
    </message>
    <message>
        <source>The worker that restored {name} died {attempts} times.</source>
        <extracomment>app/batch/executors/processes.py</extracomment>
        <translation>O worker que restaurava {name} parou {attempts} vezes.</translation>
    </message>
    <message>
        <source>The worker {name} cannot take part: {error}</source>
        <extracomment>app/batch/executors/dask_worker.py</extracomment>
        <translation>O worker {name} não pode participar: {error}</translation>
    </message>
    <message>
        <source>The worker {name} has other networks than this machine.</source>
        <extracomment>app/batch/executors/dask_worker.py</extracomment>
        <translation>O worker {name} tem outras redes que não as desta máquina.</translation>
    </message>
    <message>
        <source>The worker {name} has version {there}, this is {here}.</source>
        <extracomment>app/batch/executors/dask_worker.py</extracomment>
        <translation>O worker {name} tem a versão {there}, e esta máquina, a {here}.</translation>
    </message>
    <message>
        <source>The workers that restored {name} died: {error}.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>Os workers que restauravam {name} pararam: {error}.</translation>
    </message>
    <message>
        <source>Theme</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Tema</translation>
    </message>
    <message>
        <source>There are no pictures in {folder}.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>Não há imagens em {folder}.</translation>
    </message>
    <message>
        <source>There are no pictures or videos in {folder}.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>Não há imagens nem vídeos em {folder}.</translation>
    </message>
    <message>
        <source>There are: {known}.</source>
        <extracomment>app/batch/sheet.py</extracomment>
        <translation>Disponíveis: {known}.</translation>
    </message>
    <message>
        <source>There is no camera called {name}.</source>
        <extracomment>app/sources/camera.py</extracomment>
        <translation>Não há câmera com o nome {name}.</translation>
    </message>
    <message>
        <source>There is no display to open a window on.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>Não há tela em que abrir uma janela.</translation>
    </message>
    <message>
        <source>There is no file or folder called {source}.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>Não há arquivo nem pasta com o nome {source}.</translation>
    </message>
    <message>
        <source>There is no file or folder {text}.</source>
        <extracomment>app/sources/registry.py</extracomment>
        <translation>Não há arquivo nem pasta {text}.</translation>
    </message>
    <message>
        <source>There is no file to save</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Não há arquivo para salvar</translation>
    </message>
    <message>
        <source>There is no file {path}.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>Não há o arquivo {path}.</translation>
    </message>
    <message>
        <source>There is no free name for a recording in {folder}.</source>
        <extracomment>app/outputs/recordings/output.py</extracomment>
        <translation>Não há nome livre para uma gravação em {folder}.</translation>
    </message>
    <message>
        <source>There is no model {name}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>Não há o modelo {name}.</translation>
    </message>
    <message>
        <source>There is no output called {name}.</source>
        <extracomment>app/outputs/registry.py</extracomment>
        <translation>Não há saída com o nome {name}.</translation>
    </message>
    <message>
        <source>There is no picture in the folder {path}.</source>
        <extracomment>app/sources/images.py</extracomment>
        <translation>Não há imagem na pasta {path}.</translation>
    </message>
    <message>
        <source>There is no picture to copy yet</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Ainda não há imagem para copiar</translation>
    </message>
    <message>
        <source>There is no picture to record yet.</source>
        <extracomment>app/pipeline/live/recording.py</extracomment>
        <translation>Ainda não há imagem para gravar.</translation>
    </message>
    <message>
        <source>There is no picture to save yet</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Ainda não há imagem para salvar</translation>
    </message>
    <message>
        <source>There is no picture to save yet.</source>
        <extracomment>app/pipeline/live/session.py</extracomment>
        <translation>Ainda não há imagem para salvar.</translation>
    </message>
    <message>
        <source>There is no room for a recording in {folder}.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>Não há espaço para uma gravação em {folder}.</translation>
    </message>
    <message>
        <source>There is no room left for {path}.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>Não há mais espaço para {path}.</translation>
    </message>
    <message>
        <source>There is no setting called {names}.</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Não há ajuste com o nome {names}.</translation>
    </message>
    <message>
        <source>There is no setting called {name}.</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Não há ajuste com o nome {name}.</translation>
    </message>
    <message>
        <source>There is no view called {view}.</source>
        <extracomment>app/outputs/compose.py</extracomment>
        <translation>Não há exibição com o nome {view}.</translation>
    </message>
    <message>
        <source>There is no virtual camera that can be opened.</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>Não há câmera virtual que possa ser aberta.</translation>
    </message>
    <message>
        <source>There is no way to record called {mode}.</source>
        <extracomment>app/outputs/recordings/recorder.py</extracomment>
        <translation>Não há modo de gravação com o nome {mode}.</translation>
    </message>
    <message>
        <source>There is nothing at {address}.</source>
        <extracomment>app/batch/jobs/plan.py, app/media/remote.py</extracomment>
        <translation>Não há nada em {address}.</translation>
    </message>
    <message>
        <source>There is too little to make a clip of.</source>
        <extracomment>app/outputs/sharing/clip.py</extracomment>
        <translation>Há muito pouco para fazer um clipe.</translation>
    </message>
    <message>
        <source>They may have run out of memory.</source>
        <extracomment>app/batch/executors/dask.py</extracomment>
        <translation>Talvez tenham ficado sem memória.</translation>
    </message>
    <message>
        <source>This computer is fast enough for the network {name}</source>
        <extracomment>app/ui/flows/offer.py</extracomment>
        <translation>Este computador é rápido o bastante para a rede {name}</translation>
    </message>
    <message>
        <source>This face alone · Esc: all faces</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>Só este rosto · Esc: todos os rostos</translation>
    </message>
    <message>
        <source>This machine, its driver or this FFmpeg lacks it; leave --encoder out to take x264.</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>Falta nesta máquina, no seu driver ou neste FFmpeg; retire --encoder para usar o x264.</translation>
    </message>
    <message>
        <source>This sheet</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Esta lista</translation>
    </message>
    <message>
        <source>Threads</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Threads</translation>
    </message>
    <message>
        <source>Threads of the inference engine; 0 uses every physical core</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Threads do motor de inferência; 0 usa todos os núcleos físicos</translation>
    </message>
    <message>
        <source>Three cycles: looks best</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>Três ciclos: a melhor aparência</translation>
    </message>
    <message>
        <source>Trained for one pass: fed its own output again it drifts.</source>
        <extracomment>app/restorers/families/cfrnet_d.py, app/restorers/families/hifacegan.py</extracomment>
        <translation>Treinada para uma passada: ao receber a própria saída, ela deriva.</translation>
    </message>
    <message>
        <source>Tried: {names}. Reinstall the package av.</source>
        <extracomment>app/media/videos/encoder.py</extracomment>
        <translation>Tentados: {names}. Reinstale o pacote av.</translation>
    </message>
    <message>
        <source>True</source>
        <extracomment>app/outputs/compose.py</extracomment>
        <translation>Real</translation>
    </message>
    <message>
        <source>True, bad, restored</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Três imagens</translation>
    </message>
    <message>
        <source>Try again</source>
        <extracomment>app/ui/actions.py, app/ui/flows/source.py</extracomment>
        <translation>Tentar de novo</translation>
    </message>
    <message>
        <source>Try the suffix .mkv.</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>Tente a extensão .mkv.</translation>
    </message>
    <message>
        <source>Trying again in {seconds:.0f} s</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>Nova tentativa em {seconds:.0f} s</translation>
    </message>
    <message>
        <source>Trying to reconnect…</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>Tentando reconectar…</translation>
    </message>
    <message>
        <source>Twice as large</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>O dobro</translation>
    </message>
    <message>
        <source>Two cycles: nearest to the true face</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>Dois ciclos: mais próximo do rosto real</translation>
    </message>
    <message>
        <source>Two files</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Dois arquivos</translation>
    </message>
    <message>
        <source>Undo</source>
        <extracomment>app/ui/flows/reset.py</extracomment>
        <translation>Desfazer</translation>
    </message>
    <message>
        <source>Undo a settings reset</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Desfazer a redefinição dos ajustes</translation>
    </message>
    <message>
        <source>Undo the reset</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>Desfazer a redefinição</translation>
    </message>
    <message>
        <source>Use http:// or rtsp://.</source>
        <extracomment>app/sources/registry.py</extracomment>
        <translation>Use http:// ou rtsp://.</translation>
    </message>
    <message>
        <source>Use one of {names}.</source>
        <extracomment>app/batch/videos/restore.py, app/media/pictures/picture.py, app/outputs/recordings/recorder.py, app/outputs/registry.py</extracomment>
        <translation>Use um destes: {names}.</translation>
    </message>
    <message>
        <source>Use side-by-side, split or restored.</source>
        <extracomment>app/outputs/compose.py</extracomment>
        <translation>Use side-by-side, split ou restored.</translation>
    </message>
    <message>
        <source>Use {name}</source>
        <extracomment>app/ui/flows/offer.py</extracomment>
        <translation>Usar {name}</translation>
    </message>
    <message>
        <source>Using {provider}.</source>
        <extracomment>app/ui/texts/engine.py</extracomment>
        <translation>Usando {provider}.</translation>
    </message>
    <message>
        <source>Video</source>
        <extracomment>app/sources/video.py</extracomment>
        <translation>Vídeo</translation>
    </message>
    <message>
        <source>Videos</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>Vídeos</translation>
    </message>
    <message>
        <source>Videos and pictures</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>Vídeos e imagens</translation>
    </message>
    <message>
        <source>View</source>
        <extracomment>app/core/setting.py, app/core/settings.py, app/ui/actions.py, app/ui/panel/panel.py</extracomment>
        <translation>Exibição</translation>
    </message>
    <message>
        <source>Viewers</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Espectadores</translation>
    </message>
    <message>
        <source>Virtual camera</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>Câmera virtual</translation>
    </message>
    <message>
        <source>Wait a moment.</source>
        <extracomment>app/pipeline/live/recording.py</extracomment>
        <translation>Espere um momento.</translation>
    </message>
    <message>
        <source>Wait for it, or give another output.</source>
        <extracomment>app/batch/jobs/journal.py</extracomment>
        <translation>Aguarde o fim ou dê outro destino.</translation>
    </message>
    <message>
        <source>Wait for them, or cancel below.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>Espere terminarem ou cancele abaixo.</translation>
    </message>
    <message>
        <source>What an interrupted run had restored of it is in {kept}.</source>
        <extracomment>app/batch/run.py</extracomment>
        <translation>O que uma execução interrompida tinha restaurado está em {kept}.</translation>
    </message>
    <message>
        <source>What could be restored of it is in {kept}.</source>
        <extracomment>app/batch/videos/incomplete.py</extracomment>
        <translation>O que pôde ser restaurado está em {kept}.</translation>
    </message>
    <message>
        <source>What is recorded</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>O que é gravado</translation>
    </message>
    <message>
        <source>What is recorded beside the pictures</source>
        <extracomment>app/ui/panel/sound_row.py</extracomment>
        <translation>O que é gravado junto às imagens</translation>
    </message>
    <message>
        <source>What runs the network; auto takes the fastest here, one that is not available is replaced by the CPU</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>O que executa a rede; auto usa o mais rápido daqui, o que não está disponível é substituído pela CPU</translation>
    </message>
    <message>
        <source>What the preview shows</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>O que a prévia mostra</translation>
    </message>
    <message>
        <source>What the virtual camera and the stream show</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>O que a câmera virtual e a transmissão mostram</translation>
    </message>
    <message>
        <source>What was finished is kept.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>O que terminou foi mantido.</translation>
    </message>
    <message>
        <source>When the window was closed</source>
        <extracomment>app/ui/flows/capture.py</extracomment>
        <translation>Ao fechar a janela</translation>
    </message>
    <message>
        <source>Where recordings and snapshots go; empty for the system&apos;s videos folder</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Para onde vão gravações e fotos; vazio para a pasta de vídeos do sistema</translation>
    </message>
    <message>
        <source>Whole picture again</source>
        <extracomment>app/ui/actions.py</extracomment>
        <translation>A imagem inteira de novo</translation>
    </message>
    <message>
        <source>Windows with a DirectX 12 card; pip install onnxruntime-directml in place of onnxruntime.</source>
        <extracomment>app/restorers/providers.py</extracomment>
        <translation>Windows com uma placa DirectX 12; pip install onnxruntime-directml no lugar de onnxruntime.</translation>
    </message>
    <message>
        <source>Write HOST:PORT, such as 127.0.0.1:8090.</source>
        <extracomment>app/outputs/stream.py</extracomment>
        <translation>Escreva HOST:PORT, como 127.0.0.1:8090.</translation>
    </message>
    <message>
        <source>Write Original and Restored, and a thin line between them, into every output that shows both</source>
        <extracomment>app/core/settings.py</extracomment>
        <translation>Escreve “Original” e “Restaurado”, e uma linha fina entre eles, em cada saída que mostra os dois</translation>
    </message>
    <message>
        <source>Write a PNG instead.</source>
        <extracomment>app/media/pictures/picture_encoding.py</extracomment>
        <translation>Grave um PNG em vez disso.</translation>
    </message>
    <message>
        <source>Write them as http://NAME:PASSWORD@...</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>Escreva assim: http://NAME:PASSWORD@...</translation>
    </message>
    <message>
        <source>Write them in place of the dots.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>Escreva-os no lugar dos pontos.</translation>
    </message>
    <message>
        <source>a Dask scheduler, such as tcp://scheduler:8786</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>um agendador Dask, como tcp://scheduler:8786</translation>
    </message>
    <message>
        <source>a cycle, median</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>um ciclo, mediana</translation>
    </message>
    <message>
        <source>a data track</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>uma faixa de dados</translation>
    </message>
    <message>
        <source>a number</source>
        <extracomment>app/core/setting.py</extracomment>
        <translation>um número</translation>
    </message>
    <message>
        <source>a number from {low:g} to {high:g}</source>
        <extracomment>app/core/setting.py</extracomment>
        <translation>um número de {low:g} a {high:g}</translation>
    </message>
    <message>
        <source>a picture, a video or a folder</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>uma imagem, um vídeo ou uma pasta</translation>
    </message>
    <message>
        <source>a whole number from {low:g} to {high:g}</source>
        <extracomment>app/core/setting.py</extracomment>
        <translation>um número inteiro de {low:g} a {high:g}</translation>
    </message>
    <message>
        <source>about {count} of its pictures are missing</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>faltam cerca de {count} das suas imagens</translation>
    </message>
    <message>
        <source>access is not allowed</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>o acesso não é permitido</translation>
    </message>
    <message>
        <source>age when finished</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>idade ao terminar</translation>
    </message>
    <message>
        <source>align</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>alinhar</translation>
    </message>
    <message>
        <source>all but cycles</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>sem os ciclos</translation>
    </message>
    <message>
        <source>already there, kept: {kept} of {all} files, first {first}; --overwrite replaces them</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>já existiam, mantidos: {kept} de {all} arquivos, o primeiro é {first}; --overwrite os substitui</translation>
    </message>
    <message>
        <source>also write the medians to FILE</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>gravar também as medianas em FILE</translation>
    </message>
    <message>
        <source>an attached file</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>um arquivo anexado</translation>
    </message>
    <message>
        <source>an unknown track</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>uma faixa desconhecida</translation>
    </message>
    <message>
        <source>another process</source>
        <extracomment>app/batch/jobs/journal.py</extracomment>
        <translation>outro processo</translation>
    </message>
    <message>
        <source>another video</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>outro vídeo</translation>
    </message>
    <message>
        <source>argument %(argument_name)s: %(message)s</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>argumento %(argument_name)s: %(message)s</translation>
    </message>
    <message>
        <source>at the source&apos;s size</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>no tamanho da fonte</translation>
    </message>
    <message>
        <source>auto k: {k} of {wanted}</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>k automático: {k} de {wanted}</translation>
    </message>
    <message>
        <source>be a camera that video calls can choose</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>ser uma câmera que as chamadas de vídeo podem escolher</translation>
    </message>
    <message>
        <source>begin anew instead of going on where a run stopped</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>começar de novo em vez de continuar de onde uma execução parou</translation>
    </message>
    <message>
        <source>budget</source>
        <extracomment>app/ui/preview/plot.py</extracomment>
        <translation>limite</translation>
    </message>
    <message>
        <source>connecting</source>
        <extracomment>app/cli/live.py, app/ui/panel/status_line.py</extracomment>
        <translation>conectando</translation>
    </message>
    <message>
        <source>cycle {number}</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>ciclo {number}</translation>
    </message>
    <message>
        <source>detect</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>detectar</translation>
    </message>
    <message>
        <source>do not check the certificate of the address that --source names</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>não verificar o certificado do endereço dado por --source</translation>
    </message>
    <message>
        <source>do part I of N only, as in a job array</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>fazer só a parte I de N, como em uma matriz de tarefas</translation>
    </message>
    <message>
        <source>dropped frames</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>perdidos</translation>
    </message>
    <message>
        <source>ended</source>
        <extracomment>app/cli/live.py, app/ui/panel/status_line.py</extracomment>
        <translation>terminada</translation>
    </message>
    <message>
        <source>error: {what}</source>
        <extracomment>app/cli/messages.py, app/cli/parser.py</extracomment>
        <translation>erro: {what}</translation>
    </message>
    <message>
        <source>even k = {k} is too slow, frames are dropped</source>
        <extracomment>app/pipeline/budget.py</extracomment>
        <translation>mesmo com k = {k} há quadros perdidos</translation>
    </message>
    <message>
        <source>examples:</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>exemplos:</translation>
    </message>
    <message>
        <source>exit codes: 0 the work was done, 1 it was not (one line on stderr says why), 2 a wrong option, 130 interrupted</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>códigos de saída: 0 trabalho feito, 1 não feito (uma linha em stderr diz por quê), 2 opção errada, 130 interrompido</translation>
    </message>
    <message>
        <source>expected at least one argument</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>esperado pelo menos um argumento</translation>
    </message>
    <message>
        <source>expected one argument</source>
        <extracomment>app/cli/argument_words.py, app/cli/parser.py</extracomment>
        <translation>esperado um argumento</translation>
    </message>
    <message>
        <source>failed</source>
        <extracomment>app/cli/live.py, app/ui/panel/status_line.py</extracomment>
        <translation>com falha</translation>
    </message>
    <message>
        <source>fps</source>
        <extracomment>app/core/settings.py, app/pipeline/measuring/bench.py</extracomment>
        <translation>fps</translation>
    </message>
    <message>
        <source>frame age</source>
        <extracomment>app/ui/preview/plot.py</extracomment>
        <translation>idade</translation>
    </message>
    <message>
        <source>from CPU</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>vs CPU</translation>
    </message>
    <message>
        <source>go on restoring what arrives in the folder, until Ctrl-C</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>continuar restaurando o que chega à pasta, até Ctrl-C</translation>
    </message>
    <message>
        <source>going on where an earlier run stopped; restored already: {done}</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>continuando de onde uma execução anterior parou; já restaurado: {done}</translation>
    </message>
    <message>
        <source>hint: {what}</source>
        <extracomment>app/cli/messages.py, app/cli/parser.py</extracomment>
        <translation>dica: {what}</translation>
    </message>
    <message>
        <source>ignored explicit argument %r</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>argumento explícito %r ignorado</translation>
    </message>
    <message>
        <source>interrupted: what was finished is kept, nothing half-written was left.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>interrompido: o que terminou foi mantido, nada ficou gravado pela metade.</translation>
    </message>
    <message>
        <source>invalid %(type)s value: %(value)r</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>valor de %(type)s inválido: %(value)r</translation>
    </message>
    <message>
        <source>invalid choice: %(value)r (choose from %(choices)s)</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>opção inválida: %(value)r (escolha entre %(choices)s)</translation>
    </message>
    <message>
        <source>invalid choice: %(value)r, maybe you meant %(closest)r? (choose from %(choices)s)</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>opção inválida: %(value)r, você quis dizer %(closest)r? (escolha entre %(choices)s)</translation>
    </message>
    <message>
        <source>it asks for a name and a password</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>pede um nome de usuário e uma senha</translation>
    </message>
    <message>
        <source>it cannot be read</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>não pode ser lido</translation>
    </message>
    <message>
        <source>it crashed (exit code {code})</source>
        <extracomment>app/restorers/probe.py</extracomment>
        <translation>encerrou inesperadamente (código de saída {code})</translation>
    </message>
    <message>
        <source>it did not answer within {seconds:g} s</source>
        <extracomment>app/restorers/probe.py</extracomment>
        <translation>não respondeu em {seconds:g} s</translation>
    </message>
    <message>
        <source>it gave nothing</source>
        <extracomment>app/restorers/contest.py</extracomment>
        <translation>não deu nada</translation>
    </message>
    <message numerus="yes">
        <source>it is damaged in {n} places, where pictures may be spoilt or missing</source>
        <extracomment>app/batch/videos/output.py; for one: it is damaged in one place, where pictures may be spoilt or missing</extracomment>
        <translation>
            <numerusform>está danificado em um ponto, onde imagens podem estar estragadas ou faltar</numerusform>
            <numerusform>está danificado em {n} pontos, onde imagens podem estar estragadas ou faltar</numerusform>
        </translation>
    </message>
    <message>
        <source>it is interlaced and was marked progressive</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>ele é entrelaçado e foi marcado como progressivo</translation>
    </message>
    <message>
        <source>its CMYK colours became RGB</source>
        <extracomment>app/media/pictures/picture_facts.py</extracomment>
        <translation>suas cores CMYK passaram a RGB</translation>
    </message>
    <message>
        <source>its Dolby Vision data</source>
        <extracomment>app/media/videos/side_data.py</extracomment>
        <translation>dados Dolby Vision</translation>
    </message>
    <message>
        <source>its EXIF data</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>dados EXIF</translation>
    </message>
    <message>
        <source>its HDR Vivid data</source>
        <extracomment>app/media/videos/side_data.py</extracomment>
        <translation>dados HDR Vivid</translation>
    </message>
    <message>
        <source>its HDR10 description (mastering display, light levels) was left out</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>sua descrição HDR10 (monitor de masterização, níveis de luz) foi omitida</translation>
    </message>
    <message>
        <source>its HDR10+ data</source>
        <extracomment>app/media/videos/side_data.py</extracomment>
        <translation>dados HDR10+</translation>
    </message>
    <message>
        <source>its XMP data</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>dados XMP</translation>
    </message>
    <message>
        <source>its closed captions, which are inside the pictures</source>
        <extracomment>app/media/videos/side_data.py</extracomment>
        <translation>legendas ocultas, que estão dentro das imagens</translation>
    </message>
    <message>
        <source>its colour profile</source>
        <extracomment>app/media/pictures/picture.py, app/media/videos/side_data.py</extracomment>
        <translation>perfil de cores</translation>
    </message>
    <message>
        <source>its colours, stored as floating-point numbers, became {bits} bits</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>suas cores, guardadas em ponto flutuante, passaram a {bits} bits</translation>
    </message>
    <message>
        <source>its colours, stored at {sampling}, became 4:2:0</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>suas cores, guardadas em {sampling}, passaram a 4:2:0</translation>
    </message>
    <message>
        <source>its content credentials (C2PA)</source>
        <extracomment>app/media/pictures/jpeg_parts.py</extracomment>
        <translation>suas credenciais de conteúdo (C2PA)</translation>
    </message>
    <message>
        <source>its contents are damaged or of an unknown format</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>o conteúdo está danificado ou tem formato desconhecido</translation>
    </message>
    <message>
        <source>its cover picture</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>sua imagem de capa</translation>
    </message>
    <message>
        <source>its description as a 3D video</source>
        <extracomment>app/media/videos/side_data.py</extracomment>
        <translation>descrição como vídeo 3D</translation>
    </message>
    <message>
        <source>its description as a panorama</source>
        <extracomment>app/media/videos/side_data.py</extracomment>
        <translation>descrição como panorama</translation>
    </message>
    <message>
        <source>its extended XMP data, such as its depth</source>
        <extracomment>app/media/pictures/jpeg_parts.py</extracomment>
        <translation>seus dados XMP estendidos, como a profundidade</translation>
    </message>
    <message>
        <source>its high dynamic range is not marked any more</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>a indicação de alto alcance dinâmico (HDR) se perdeu</translation>
    </message>
    <message>
        <source>its picture is {levels:.1f} levels from the CPU&apos;s</source>
        <extracomment>app/restorers/contest.py</extracomment>
        <translation>sua imagem difere {levels:.1f} níveis da imagem da CPU</translation>
    </message>
    <message>
        <source>its pictures end {seconds:.1f} s before the rest of it</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>suas imagens terminam {seconds:.1f} s antes do resto</translation>
    </message>
    <message>
        <source>its resolution</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>resolução</translation>
    </message>
    <message>
        <source>its sound ({codec}) became AAC, as the format cannot hold it</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>seu som ({codec}) virou AAC, pois o formato não o comporta</translation>
    </message>
    <message>
        <source>its sound ({codec}) became AAC, as the format cannot hold it; a name that ends in .mkv keeps it</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>seu som ({codec}) virou AAC, pois o formato não o comporta; um nome que termina em .mkv o mantém</translation>
    </message>
    <message>
        <source>its transparency</source>
        <extracomment>app/media/pictures/picture.py, app/media/pictures/picture_facts.py</extracomment>
        <translation>transparência</translation>
    </message>
    <message>
        <source>its transparency was left out</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>sua transparência foi omitida</translation>
    </message>
    <message>
        <source>its {bits} bits a colour became {kept}</source>
        <extracomment>app/batch/videos/output.py, app/media/pictures/picture.py</extracomment>
        <translation>seus {bits} bits por cor passaram a {kept}</translation>
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
            <numerusform>intocado: {n} outro arquivo: {names}</numerusform>
            <numerusform>intocados: {n} outros arquivos: {names}</numerusform>
        </translation>
    </message>
    <message>
        <source>left out from a damaged place on: {track}</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>omitido a partir de um ponto danificado: {track}</translation>
    </message>
    <message>
        <source>left out, as a {suffix} does not hold it: {parts}</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>omitido, pois um {suffix} não comporta: {parts}</translation>
    </message>
    <message>
        <source>left out, as the format cannot hold it: {tracks}</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>omitido, pois o formato não comporta: {tracks}</translation>
    </message>
    <message>
        <source>left out, as the format cannot hold it: {tracks}; a name that ends in .mkv may keep them</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>omitido, pois o formato não comporta: {tracks}; um nome que termina em .mkv pode manter</translation>
    </message>
    <message>
        <source>left out: its colour profile, which is damaged or not one for its colours</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>omitido: seu perfil de cores, que está danificado ou não é para suas cores</translation>
    </message>
    <message numerus="yes">
        <source>left out: {n} further pictures in the file, such as a preview or what makes it HDR</source>
        <extracomment>app/media/pictures/jpeg_parts.py; for one: left out: {n} further picture in the file, such as a preview or what makes it HDR</extracomment>
        <translation>
            <numerusform>omitida: {n} outra imagem do arquivo, como uma prévia ou o que o torna HDR</numerusform>
            <numerusform>omitidas: {n} outras imagens do arquivo, como uma prévia ou o que o torna HDR</numerusform>
        </translation>
    </message>
    <message>
        <source>left out: {parts}</source>
        <extracomment>app/batch/videos/output.py, app/media/pictures/jpeg_parts.py, app/media/pictures/picture.py, app/media/pictures/picture_facts.py</extracomment>
        <translation>omitido: {parts}</translation>
    </message>
    <message>
        <source>licence: {licence}</source>
        <extracomment>app/cli/inspection.py</extracomment>
        <translation>licença: {licence}</translation>
    </message>
    <message>
        <source>list the cameras by name</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>listar as câmeras pelo nome</translation>
    </message>
    <message>
        <source>list the shipped networks and check their hashes</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>listar as redes incluídas e verificar seus hashes</translation>
    </message>
    <message>
        <source>list the shipped networks and verify their SHA-256</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>listar as redes incluídas e verificar seu SHA-256</translation>
    </message>
    <message>
        <source>live</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>ao vivo</translation>
    </message>
    <message>
        <source>live needs an output: --virtual-camera, --serve or both</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>live precisa de uma saída: --virtual-camera, --serve ou ambas</translation>
    </message>
    <message>
        <source>lowered to {k}</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>reduzido a {k}</translation>
    </message>
    <message>
        <source>macOS 12 or newer; it comes with onnxruntime.</source>
        <extracomment>app/restorers/providers.py</extracomment>
        <translation>macOS 12 ou mais novo; vem com o onnxruntime.</translation>
    </message>
    <message>
        <source>make bad</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>piorar</translation>
    </message>
    <message>
        <source>make the result 1, 2 or 4 times as large: faces keep the pixels that the network gives them, the rest is enlarged (default 1)</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>deixar o resultado 1, 2 ou 4 vezes maior: os rostos mantêm os pixels que a rede lhes dá, o resto é ampliado (padrão 1)</translation>
    </message>
    <message>
        <source>make the whole of what all the shards have done</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>juntar o que todas as partes fizeram</translation>
    </message>
    <message>
        <source>measure every network on everything here that can run one, and stop</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>medir cada rede em tudo o que pode executá-la aqui e parar</translation>
    </message>
    <message>
        <source>measure the networks and the pipeline on this machine</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>medir as redes e o processamento nesta máquina</translation>
    </message>
    <message>
        <source>measure this machine</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>medir esta máquina</translation>
    </message>
    <message>
        <source>network</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>rede</translation>
    </message>
    <message>
        <source>no</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>não</translation>
    </message>
    <message>
        <source>no camera was found.</source>
        <extracomment>app/cli/inspection.py</extracomment>
        <translation>nenhuma câmera foi encontrada.</translation>
    </message>
    <message>
        <source>no cycles</source>
        <extracomment>app/ui/preview/scene.py</extracomment>
        <translation>sem ciclos</translation>
    </message>
    <message>
        <source>no face was found</source>
        <extracomment>app/batch/worker.py</extracomment>
        <translation>nenhum rosto foi encontrado</translation>
    </message>
    <message>
        <source>no face was found in any of its frames</source>
        <extracomment>app/batch/worker.py</extracomment>
        <translation>nenhum rosto foi encontrado em nenhum dos quadros</translation>
    </message>
    <message>
        <source>no face was found, every part is the picture itself</source>
        <extracomment>app/batch/sheet.py</extracomment>
        <translation>nenhum rosto foi encontrado, cada parte é a própria imagem</translation>
    </message>
    <message>
        <source>no face was found, it was only enlarged</source>
        <extracomment>app/batch/worker.py</extracomment>
        <translation>nenhum rosto foi encontrado, só houve ampliação</translation>
    </message>
    <message>
        <source>no face was found, it was written unchanged</source>
        <extracomment>app/batch/worker.py</extracomment>
        <translation>nenhum rosto foi encontrado, foi gravado sem mudanças</translation>
    </message>
    <message>
        <source>no window: a camera for calls, and a stream for OBS or a browser</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>sem janela: uma câmera para chamadas e uma transmissão para o OBS ou um navegador</translation>
    </message>
    <message>
        <source>nodes</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>nós</translation>
    </message>
    <message>
        <source>not allowed with argument %s</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>não permitido com o argumento %s</translation>
    </message>
    <message>
        <source>not here: {provider}. {needs}</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>ausente aqui: {provider}. {needs}</translation>
    </message>
    <message>
        <source>not usable</source>
        <extracomment>app/ui/texts/engine.py</extracomment>
        <translation>não utilizável</translation>
    </message>
    <message>
        <source>note: {what}</source>
        <extracomment>app/cli/messages.py</extracomment>
        <translation>nota: {what}</translation>
    </message>
    <message>
        <source>nothing answers at this address</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>nada responde neste endereço</translation>
    </message>
    <message>
        <source>of an unknown kind</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>de tipo desconhecido</translation>
    </message>
    <message>
        <source>of {budget}</source>
        <extracomment>app/ui/preview/overlay.py</extracomment>
        <translation>de {budget}</translation>
    </message>
    <message>
        <source>off</source>
        <extracomment>app/ui/panel/bindings.py</extracomment>
        <translation>desligado</translation>
    </message>
    <message>
        <source>offline</source>
        <extracomment>app/cli/live.py, app/ui/panel/status_line.py</extracomment>
        <translation>off-line</translation>
    </message>
    <message>
        <source>ok</source>
        <extracomment>app/cli/inspection.py</extracomment>
        <translation>ok</translation>
    </message>
    <message>
        <source>one face at {fps:g} fps</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>um rosto a {fps:g} fps</translation>
    </message>
    <message>
        <source>one of the arguments %s is required</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>um dos argumentos %s é necessário</translation>
    </message>
    <message>
        <source>one of {choices}</source>
        <extracomment>app/core/setting.py</extracomment>
        <translation>um destes: {choices}</translation>
    </message>
    <message>
        <source>one picture</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>uma imagem</translation>
    </message>
    <message>
        <source>online</source>
        <extracomment>app/cli/live.py, app/ui/panel/status_line.py</extracomment>
        <translation>on-line</translation>
    </message>
    <message>
        <source>open the window (the default); every setting can be given as an option</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>abrir a janela (padrão); cada ajuste pode ser dado como opção</translation>
    </message>
    <message>
        <source>open the window on a network camera</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>abrir a janela com uma câmera de rede</translation>
    </message>
    <message>
        <source>open the window on a video, two cycles</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>abrir a janela com um vídeo, dois ciclos</translation>
    </message>
    <message>
        <source>open the window on the last used or first camera</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>abrir a janela com a última câmera usada ou a primeira</translation>
    </message>
    <message>
        <source>options</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>opções</translation>
    </message>
    <message>
        <source>other</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>outra rede</translation>
    </message>
    <message>
        <source>paint</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>desenhar</translation>
    </message>
    <message>
        <source>paste</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>colar</translation>
    </message>
    <message>
        <source>positional arguments</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>argumentos posicionais</translation>
    </message>
    <message>
        <source>precision</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>precisão</translation>
    </message>
    <message>
        <source>print the milliseconds of every stage as JSON on stdout</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>mostrar os milissegundos de cada etapa como JSON em stdout</translation>
    </message>
    <message>
        <source>processes that restore side by side, each with one thread of the engine (default: as many as this machine&apos;s cores and memory carry, and one where there is little to do)</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>processos que restauram em paralelo, cada um com uma thread do motor (padrão: tantos quantos os núcleos e a memória desta máquina suportam, e um quando há pouco a fazer)</translation>
    </message>
    <message>
        <source>processing</source>
        <extracomment>app/ui/preview/plot.py</extracomment>
        <translation>processamento</translation>
    </message>
    <message>
        <source>provider</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>provedor</translation>
    </message>
    <message>
        <source>pyvirtualcam knows no driver for this system.</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>O pyvirtualcam não conhece driver para este sistema.</translation>
    </message>
    <message>
        <source>replace files that are there; without it they are kept</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>substituir arquivos que já existem; sem isto são mantidos</translation>
    </message>
    <message>
        <source>restore a camera, file or stream without a window, for a virtual camera or the network</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>restaurar uma câmera, um arquivo ou uma transmissão sem janela, para uma câmera virtual ou a rede</translation>
    </message>
    <message>
        <source>restore a picture, a video or a folder</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>restaurar uma imagem, um vídeo ou uma pasta</translation>
    </message>
    <message>
        <source>restore works on files, and {address} is a stream.</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>restore trabalha com arquivos, e {address} é uma transmissão.</translation>
    </message>
    <message>
        <source>restorers, with commas between: write one labelled sheet of a picture and what each makes of it</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>redes, separadas por vírgulas: gravar uma folha legendada com uma imagem e o que cada uma faz dela</translation>
    </message>
    <message>
        <source>restoring</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>restaurando</translation>
    </message>
    <message>
        <source>serve MJPEG over HTTP, with a page on / (default %(const)s, which this machine alone can see)</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>servir MJPEG por HTTP, com uma página em / (padrão %(const)s, que só esta máquina vê)</translation>
    </message>
    <message>
        <source>several networks on one labelled sheet</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>várias redes em uma folha legendada</translation>
    </message>
    <message>
        <source>show program&apos;s version number and exit</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>mostrar o número da versão do programa e sair</translation>
    </message>
    <message>
        <source>show this help message and exit</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>mostrar esta ajuda e sair</translation>
    </message>
    <message>
        <source>something unexpected went wrong ({error}).</source>
        <extracomment>app/batch/worker.py, app/cli/messages.py</extracomment>
        <translation>ocorreu um erro inesperado ({error}).</translation>
    </message>
    <message>
        <source>sound</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>som</translation>
    </message>
    <message>
        <source>source: {facts}</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>fonte: {facts}</translation>
    </message>
    <message>
        <source>square</source>
        <extracomment>app/ui/menus.py</extracomment>
        <translation>quadrado</translation>
    </message>
    <message>
        <source>starting</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>iniciando</translation>
    </message>
    <message>
        <source>stopped</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>parada</translation>
    </message>
    <message>
        <source>stopped.</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>parado.</translation>
    </message>
    <message>
        <source>subtitles</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>legendas</translation>
    </message>
    <message>
        <source>tall</source>
        <extracomment>app/ui/menus.py</extracomment>
        <translation>vertical</translation>
    </message>
    <message>
        <source>text</source>
        <extracomment>app/core/setting.py</extracomment>
        <translation>texto</translation>
    </message>
    <message>
        <source>that is no name of a host</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>isso não é um nome de host</translation>
    </message>
    <message>
        <source>the file is damaged ({error}): what cannot be read was filled in</source>
        <extracomment>app/media/pictures/picture_facts.py</extracomment>
        <translation>o arquivo está danificado ({error}): o que não pôde ser lido foi preenchido</translation>
    </message>
    <message>
        <source>the file or folder to write</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>o arquivo ou a pasta a gravar</translation>
    </message>
    <message>
        <source>the following arguments are required: %s</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>os seguintes argumentos são necessários: %s</translation>
    </message>
    <message>
        <source>the journal was damaged; it is kept as {path}</source>
        <extracomment>app/batch/run.py</extracomment>
        <translation>o diário estava danificado; ele é mantido como {path}</translation>
    </message>
    <message>
        <source>the other side closed the connection</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>o outro lado fechou a conexão</translation>
    </message>
    <message>
        <source>there is no network</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>não há conexão de rede</translation>
    </message>
    <message>
        <source>there is no way to this address</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>nenhum caminho leva a este endereço</translation>
    </message>
    <message>
        <source>there is nothing at this address</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>não há nada neste endereço</translation>
    </message>
    <message>
        <source>there is nothing of that name</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>não há nada com esse nome</translation>
    </message>
    <message>
        <source>there is room for more cycles, which are used if it lasts</source>
        <extracomment>app/pipeline/budget.py</extracomment>
        <translation>há folga para mais ciclos, usados se isso durar</translation>
    </message>
    <message>
        <source>there was no answer in time</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>não houve resposta a tempo</translation>
    </message>
    <message>
        <source>this kind of address is not known</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>este tipo de endereço não é conhecido</translation>
    </message>
    <message>
        <source>true or false</source>
        <extracomment>app/core/setting.py</extracomment>
        <translation>true ou false</translation>
    </message>
    <message>
        <source>try a file that fails once more at the end</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>tentar mais uma vez no fim um arquivo que falha</translation>
    </message>
    <message>
        <source>unknown</source>
        <extracomment>app/restorers/base.py</extracomment>
        <translation>desconhecido</translation>
    </message>
    <message>
        <source>unrecognized arguments: %s</source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>argumentos não reconhecidos: %s</translation>
    </message>
    <message>
        <source>usage: </source>
        <extracomment>app/cli/argument_words.py</extracomment>
        <translation>uso: </translation>
    </message>
    <message>
        <source>waiting</source>
        <extracomment>app/cli/live.py</extracomment>
        <translation>aguardando</translation>
    </message>
    <message>
        <source>watching {path}; Ctrl-C ends it</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>observando {path}; Ctrl-C encerra</translation>
    </message>
    <message>
        <source>what else its format notes beside the pixels, such as texts</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>o que mais o formato anota junto aos pixels, como textos</translation>
    </message>
    <message>
        <source>what was done of a video is kept; the same command goes on from there</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>o que foi feito de um vídeo é mantido; o mesmo comando continua dali</translation>
    </message>
    <message>
        <source>what writes videos: x264 at CRF 16, or a hardware encoder at a like quality, which this machine and its FFmpeg have to have (default x264)</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>o que grava os vídeos: x264 com CRF 16, ou um codificador de hardware de qualidade semelhante, que esta máquina e seu FFmpeg precisam ter (padrão x264)</translation>
    </message>
    <message>
        <source>wide</source>
        <extracomment>app/ui/menus.py</extracomment>
        <translation>horizontal</translation>
    </message>
    <message>
        <source>with the milliseconds of every stage</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>com os milissegundos de cada etapa</translation>
    </message>
    <message>
        <source>write the original and the restored one next to each other</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>gravar o original e o restaurado lado a lado</translation>
    </message>
    <message>
        <source>yes</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>sim</translation>
    </message>
    <message>
        <source>{about}, {size}, in {folder}</source>
        <extracomment>app/ui/flows/capture.py</extracomment>
        <translation>{about}, {size}, em {folder}</translation>
    </message>
    <message>
        <source>{address} answers but gives no picture: {what}</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>{address} responde, mas não dá imagem: {what}</translation>
    </message>
    <message>
        <source>{address} answers {status} {reason}.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} responde {status} {reason}.</translation>
    </message>
    <message>
        <source>{address} asks for a name and a password.</source>
        <extracomment>app/sources/mjpeg.py, app/sources/stream.py</extracomment>
        <translation>{address} pede um nome de usuário e uma senha.</translation>
    </message>
    <message>
        <source>{address} cannot be opened ({reason}).</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>Não é possível abrir {address} ({reason}).</translation>
    </message>
    <message>
        <source>{address} cannot be reached: {reason}.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>Não é possível acessar {address}: {reason}.</translation>
    </message>
    <message>
        <source>{address} cannot be used: {error}.</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>Não é possível usar {address}: {error}.</translation>
    </message>
    <message>
        <source>{address} closed the connection.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} fechou a conexão.</translation>
    </message>
    <message>
        <source>{address} did not answer within {seconds:g} s.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} não respondeu em {seconds:g} s.</translation>
    </message>
    <message>
        <source>{address} does not answer as a web server does.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} não responde como um servidor web.</translation>
    </message>
    <message>
        <source>{address} does not say where one picture ends.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} não diz onde termina uma imagem.</translation>
    </message>
    <message>
        <source>{address} has no certificate that is known here, so it may be somebody else.</source>
        <extracomment>app/sources/tls.py</extracomment>
        <translation>{address} não tem certificado conhecido aqui, então pode ser outra pessoa.</translation>
    </message>
    <message>
        <source>{address} has no pictures in it.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>{address} não contém imagens.</translation>
    </message>
    <message>
        <source>{address} is no address that can be opened.</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>{address} não é um endereço que possa ser aberto.</translation>
    </message>
    <message>
        <source>{address} needs another package: {error}.</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>{address} precisa de outro pacote: {error}.</translation>
    </message>
    <message>
        <source>{address} sends on to another address.</source>
        <extracomment>app/sources/rtsp.py</extracomment>
        <translation>{address} redireciona para outro endereço.</translation>
    </message>
    <message>
        <source>{address} sends on to another kind of address, {scheme}.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} redireciona para outro tipo de endereço, {scheme}.</translation>
    </message>
    <message>
        <source>{address} sends on to what is no address.</source>
        <extracomment>app/sources/mjpeg.py</extracomment>
        <translation>{address} redireciona para algo que não é um endereço.</translation>
    </message>
    <message>
        <source>{address} sends pictures of {width}x{height}, more than {limit} megapixels.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>{address} envia imagens de {width}x{height}, mais de {limit} megapixels.</translation>
    </message>
    <message>
        <source>{asked} is not available; using {got}.</source>
        <extracomment>app/restorers/base.py</extracomment>
        <translation>{asked} não está disponível; usando {got}.</translation>
    </message>
    <message>
        <source>{got}, {asked} not available</source>
        <extracomment>app/ui/texts/engine.py</extracomment>
        <translation>{got}, {asked} não disponível</translation>
    </message>
    <message>
        <source>{command} --help shows every option with examples.</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>{command} --help mostra todas as opções com exemplos.</translation>
    </message>
    <message>
        <source>Restores until Ctrl-C and prints the state of the source and of every output when it changes. Nothing is
mirrored, no sound is played. A virtual camera needs v4l2loopback on Linux, OBS and pyvirtualcam on
Windows and macOS.</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>Restaura até Ctrl-C e mostra o estado da fonte e de cada saída quando muda. Nada é espelhado e nenhum som é tocado.
Uma câmera virtual precisa de v4l2loopback no Linux, OBS e pyvirtualcam no Windows e no macOS.</translation>
    </message>
    <message>
        <source>the pictures are aligned face crops: no detection, writes 256x256 PNGs</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>as imagens são recortes alinhados de rosto: sem detecção, grava PNGs de 256x256</translation>
    </message>
    <message>
        <source>the video of a motion photo</source>
        <extracomment>app/media/pictures/jpeg_parts.py</extracomment>
        <translation>o vídeo de uma foto com movimento</translation>
    </message>
    <message>
        <source>what follows the picture in the file</source>
        <extracomment>app/media/pictures/jpeg_parts.py</extracomment>
        <translation>o que vem depois da imagem no arquivo</translation>
    </message>
    <message>
        <source>{address} needs the package {package}.</source>
        <extracomment>app/media/remote.py</extracomment>
        <translation>{address} precisa do pacote {package}.</translation>
    </message>
    <message>
        <source>{device}, {width} x {height} at {fps} fps</source>
        <extracomment>app/outputs/virtual_camera.py</extracomment>
        <translation>{device}, {width} x {height} a {fps} fps</translation>
    </message>
    <message>
        <source>{done} of {all} files restored</source>
        <extracomment>app/cli/restore.py, app/ui/flows/sharing.py</extracomment>
        <translation>{done} de {all} arquivos restaurados</translation>
    </message>
    <message>
        <source>{done} of {all} files restored, {failed} failed (named above)</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>{done} de {all} arquivos restaurados, {failed} com falha (citados acima)</translation>
    </message>
    <message>
        <source>{done}/{all} files</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>{done}/{all} arquivos</translation>
    </message>
    <message>
        <source>{duration} left</source>
        <extracomment>app/cli/restore.py, app/ui/panel/job_bar.py</extracomment>
        <translation>faltam {duration}</translation>
    </message>
    <message>
        <source>{folder} is in use: {holder} is doing this job already.</source>
        <extracomment>app/batch/jobs/journal.py</extracomment>
        <translation>{folder} está em uso: {holder} já faz este trabalho.</translation>
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
        <translation>{label} não pode ser lido: {path} ({reason}), esperado SHA-256 {sha256}.</translation>
    </message>
    <message>
        <source>{label} is not the one that was shipped: {path} has {size} bytes and SHA-256 {found}, the manifest says {bytes} and {sha256}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>{label} não é o que foi incluído: {path} tem {size} bytes e SHA-256 {found}, o manifesto diz {bytes} e {sha256}.</translation>
    </message>
    <message>
        <source>{label} is on already.</source>
        <extracomment>app/outputs/fanout.py</extracomment>
        <translation>{label}: já está ligada.</translation>
    </message>
    <message>
        <source>{label} is started in another way.</source>
        <extracomment>app/pipeline/live/session.py</extracomment>
        <translation>{label}: é iniciada de outra forma.</translation>
    </message>
    <message>
        <source>{label} keeps weights in other files, which nothing checks: {path}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>{label} guarda pesos em outros arquivos, que nada verifica: {path}.</translation>
    </message>
    <message>
        <source>{low:g} to {high:g}</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>{low:g} a {high:g}</translation>
    </message>
    <message>
        <source>{meaning} ({limits}; default {value})</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>{meaning} ({limits}; padrão {value})</translation>
    </message>
    <message>
        <source>{microphone} does not open: the recording has no sound.</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>{microphone} não abre: a gravação não tem som.</translation>
    </message>
    <message>
        <source>{microphone} does not open: the system&apos;s microphone is recorded.</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>{microphone} não abre: o microfone do sistema é gravado.</translation>
    </message>
    <message>
        <source>{names}, in {folder}</source>
        <extracomment>app/ui/flows/capture.py, app/ui/flows/sharing.py</extracomment>
        <translation>{names}, em {folder}</translation>
    </message>
    <message>
        <source>{name} becomes an aligned crop</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{name} vira um recorte alinhado</translation>
    </message>
    <message>
        <source>{name} cannot be {value}; it needs {needs}.</source>
        <extracomment>app/core/setting.py</extracomment>
        <translation>{name} não pode ser {value}; precisa de {needs}.</translation>
    </message>
    <message>
        <source>{name} could not be moved to the trash, perhaps because its disk has none. Press Show in folder and delete it there.</source>
        <extracomment>app/ui/dialogs/gallery.py</extracomment>
        <translation>Não foi possível mover {name} para a lixeira, talvez porque seu disco não tenha uma. Pressione “Mostrar na pasta” e exclua-o lá.</translation>
    </message>
    <message>
        <source>{name} does not ship in {wanted}.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>{name} não vem em {wanted}.</translation>
    </message>
    <message>
        <source>{name} ended.</source>
        <extracomment>app/pipeline/capture/attempt.py</extracomment>
        <translation>{name} terminou.</translation>
    </message>
    <message>
        <source>{name} gave no picture for {seconds:g} s.</source>
        <extracomment>app/pipeline/capture/worker.py</extracomment>
        <translation>{name} não deu imagem por {seconds:g} s.</translation>
    </message>
    <message>
        <source>{name} has Lab colours, which are not read here.</source>
        <extracomment>app/media/pictures/picture_facts.py</extracomment>
        <translation>{name} tem cores Lab, que não são lidas aqui.</translation>
    </message>
    <message>
        <source>{name} has pictures of {width}x{height}, more than {limit} megapixels.</source>
        <extracomment>app/media/videos/containers.py</extracomment>
        <translation>{name} tem imagens de {width}x{height}, mais de {limit} megapixels.</translation>
    </message>
    <message>
        <source>{name} has {width}x{height} pixels of {count} bytes each, more than {limit} megapixels.</source>
        <extracomment>app/media/pictures/picture_size.py</extracomment>
        <translation>{name} tem {width}x{height} pixels de {count} bytes cada, mais de {limit} megapixels.</translation>
    </message>
    <message>
        <source>{name} has {width}x{height} pixels, more than {limit} megapixels.</source>
        <extracomment>app/media/pictures/picture_size.py</extracomment>
        <translation>{name} tem {width}x{height} pixels, mais de {limit} megapixels.</translation>
    </message>
    <message>
        <source>{name} holds {count} pictures, an animation or pages; only the first would be restored.</source>
        <extracomment>app/media/pictures/picture_facts.py</extracomment>
        <translation>{name} contém {count} imagens, uma animação ou páginas; só a primeira seria restaurada.</translation>
    </message>
    <message>
        <source>{name} is a picture</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{name} é uma imagem</translation>
    </message>
    <message>
        <source>{name} is a video</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{name} é um vídeo</translation>
    </message>
    <message>
        <source>{name} is applied once, not {k} times.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>{name} é aplicada uma vez, não {k} vezes.</translation>
    </message>
    <message>
        <source>{name} is applied {low} to {high} times, not {k} times.</source>
        <extracomment>app/restorers/store.py</extracomment>
        <translation>{name} é aplicada de {low} a {high} vezes, não {k} vezes.</translation>
    </message>
    <message>
        <source>{name} is damaged ({error}).</source>
        <extracomment>app/media/pictures/picture_facts.py</extracomment>
        <translation>{name} está danificado ({error}).</translation>
    </message>
    <message>
        <source>{name} is not finished yet.</source>
        <extracomment>app/ui/flows/sharing.py</extracomment>
        <translation>{name} ainda não está pronto.</translation>
    </message>
    <message>
        <source>{name} is offline since {since}.</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>{name} está off-line desde {since}.</translation>
    </message>
    <message>
        <source>{name} is offline.</source>
        <extracomment>app/ui/texts/source.py</extracomment>
        <translation>{name} está off-line.</translation>
    </message>
    <message>
        <source>{name} is open, the first of {count}</source>
        <extracomment>app/ui/flows/choosing.py</extracomment>
        <translation>{name} está aberto, o primeiro de {count}</translation>
    </message>
    <message>
        <source>{name} repeats one and the same picture.</source>
        <extracomment>app/pipeline/capture/attempt.py</extracomment>
        <translation>{name} repete sempre a mesma imagem.</translation>
    </message>
    <message>
        <source>{name} takes uint8 crops of {side}x{side}x3, not {dtype} {shape}.</source>
        <extracomment>app/restorers/cycles.py</extracomment>
        <translation>{name} recebe recortes uint8 de {side}x{side}x3, não {dtype} {shape}.</translation>
    </message>
    <message>
        <source>{name} takes {low} to {high} cycles, not {k}.</source>
        <extracomment>app/restorers/cycles.py</extracomment>
        <translation>{name} recebe de {low} a {high} ciclos, não {k}.</translation>
    </message>
    <message>
        <source>{name} would have {width}x{height} pixels, more than {limit} megapixels.</source>
        <extracomment>app/media/pictures/enlarge.py, app/media/pictures/picture_encoding.py</extracomment>
        <translation>{name} teria {width}x{height} pixels, mais de {limit} megapixels.</translation>
    </message>
    <message>
        <source>{name}, {facts}
Choose another source, or drop one on the picture</source>
        <extracomment>app/ui/flows/source.py</extracomment>
        <translation>{name}, {facts}
Escolha outra fonte, ou solte uma sobre a imagem</translation>
    </message>
    <message>
        <source>{number} of {count}</source>
        <extracomment>app/ui/panel/picture_bar.py</extracomment>
        <translation>{number} de {count}</translation>
    </message>
    <message numerus="yes">
        <source>{n} cycles</source>
        <extracomment>app/ui/preview/scene.py, app/ui/texts/quality.py; for one: {n} cycle</extracomment>
        <translation>
            <numerusform>{n} ciclo</numerusform>
            <numerusform>{n} ciclos</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} cycles · already sharp</source>
        <extracomment>app/ui/preview/scene.py; for one: {n} cycle · already sharp</extracomment>
        <translation>
            <numerusform>{n} ciclo · já nítido</numerusform>
            <numerusform>{n} ciclos · já nítido</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} faces x {cycles} cycles need {need:.0f} ms, {fps:g} fps leave {budget:.0f} ms for them</source>
        <extracomment>app/pipeline/budget.py; for one: 1 face x {cycles} cycles need {need:.0f} ms, {fps:g} fps leave {budget:.0f} ms for them</extracomment>
        <translation>
            <numerusform>1 rosto x {cycles} ciclos precisa de {need:.0f} ms, {fps:g} fps deixam {budget:.0f} ms</numerusform>
            <numerusform>{n} rostos x {cycles} ciclos precisam de {need:.0f} ms, {fps:g} fps deixam {budget:.0f} ms</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} files</source>
        <extracomment>app/cli/restore.py; for one: {n} file</extracomment>
        <translation>
            <numerusform>{n} arquivo</numerusform>
            <numerusform>{n} arquivos</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} frames</source>
        <extracomment>app/cli/restore.py; for one: {n} frame</extracomment>
        <translation>
            <numerusform>{n} quadro</numerusform>
            <numerusform>{n} quadros</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} pieces of videos</source>
        <extracomment>app/cli/restore.py; for one: {n} piece of a video</extracomment>
        <translation>
            <numerusform>{n} trecho de vídeo</numerusform>
            <numerusform>{n} trechos de vídeo</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} tasks are not done yet, first {key}.</source>
        <extracomment>app/batch/engine.py; for one: {n} task is not done yet: {key}.</extracomment>
        <translation>
            <numerusform>{n} tarefa ainda não terminou: {key}.</numerusform>
            <numerusform>{n} tarefas ainda não terminaram, a primeira é {key}.</numerusform>
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
        <translation>{option} e {other} não podem ser usadas juntas</translation>
    </message>
    <message>
        <source>{output} holds the input, and results would lie among the originals.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{output} contém a entrada, e os resultados ficariam entre os originais.</translation>
    </message>
    <message>
        <source>{output} is a file, but a folder of results cannot go into a file.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{output} é um arquivo, mas uma pasta de resultados não cabe em um arquivo.</translation>
    </message>
    <message>
        <source>{output} is the input itself.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{output} é a própria entrada.</translation>
    </message>
    <message>
        <source>{path} cannot be read: {reason}.</source>
        <extracomment>app/batch/jobs/task.py, app/media/files.py, app/media/pictures/picture.py</extracomment>
        <translation>Não é possível ler {path}: {reason}.</translation>
    </message>
    <message>
        <source>{path} cannot be used: {reason}.</source>
        <extracomment>app/cli/entry.py</extracomment>
        <translation>Não é possível usar {path}: {reason}.</translation>
    </message>
    <message>
        <source>{path} cannot be written ({reason}).</source>
        <extracomment>app/outputs/sharing/clip.py</extracomment>
        <translation>Não é possível gravar {path} ({reason}).</translation>
    </message>
    <message>
        <source>{path} cannot be written in this format.</source>
        <extracomment>app/media/pictures/picture_encoding.py</extracomment>
        <translation>Não é possível gravar {path} neste formato.</translation>
    </message>
    <message>
        <source>{path} cannot be written: {reason}.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>Não é possível gravar {path}: {reason}.</translation>
    </message>
    <message>
        <source>{path} has no pictures in it.</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>{path} não contém imagens.</translation>
    </message>
    <message>
        <source>{path} has no sound.</source>
        <extracomment>app/media/videos/sound_reader.py</extracomment>
        <translation>{path} não tem som.</translation>
    </message>
    <message>
        <source>{path} has no suffix of a picture format.</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>{path} não tem extensão de um formato de imagem.</translation>
    </message>
    <message>
        <source>{path} holds numbers of the type {dtype}, which no picture here has.</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>{path} contém números do tipo {dtype}, que nenhuma imagem tem aqui.</translation>
    </message>
    <message>
        <source>{path} is a camera, not a loopback device.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>{path} é uma câmera, não um dispositivo loopback.</translation>
    </message>
    <message>
        <source>{path} is a folder, not a video.</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>{path} é uma pasta, não um vídeo.</translation>
    </message>
    <message>
        <source>{path} is damaged or breaks off after {reached:.1f} s</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>{path} está danificado ou se interrompe após {reached:.1f} s</translation>
    </message>
    <message>
        <source>{path} is damaged or breaks off after {reached:.1f} s of {whole:.1f} s</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>{path} está danificado ou se interrompe após {reached:.1f} s de {whole:.1f} s</translation>
    </message>
    <message>
        <source>{path} is damaged or not a picture that can be read.</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>{path} está danificado ou não é uma imagem legível.</translation>
    </message>
    <message>
        <source>{path} is empty.</source>
        <extracomment>app/media/pictures/picture.py, app/media/videos/video_reader.py</extracomment>
        <translation>{path} está vazio.</translation>
    </message>
    <message>
        <source>{path} is no folder, so there is nothing to watch.</source>
        <extracomment>app/cli/restore.py</extracomment>
        <translation>{path} não é uma pasta, então não há nada a observar.</translation>
    </message>
    <message>
        <source>{path} is not a picture that can be read.</source>
        <extracomment>app/media/pictures/picture.py</extracomment>
        <translation>{path} não é uma imagem legível.</translation>
    </message>
    <message>
        <source>{path} is not a video device.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>{path} não é um dispositivo de vídeo.</translation>
    </message>
    <message>
        <source>{path} is not a video that can be read ({reason}).</source>
        <extracomment>app/media/videos/video_reader.py</extracomment>
        <translation>{path} não é um vídeo legível ({reason}).</translation>
    </message>
    <message>
        <source>{path} is there already and is no file.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>{path} já existe e não é um arquivo.</translation>
    </message>
    <message>
        <source>{path} is there already.</source>
        <extracomment>app/media/files.py, app/media/remote.py</extracomment>
        <translation>{path} já existe.</translation>
    </message>
    <message>
        <source>{path} keeps {got_width} x {got_height} instead of {width} x {height}.</source>
        <extracomment>app/outputs/v4l2.py</extracomment>
        <translation>{path} mantém {got_width} x {got_height} em vez de {width} x {height}.</translation>
    </message>
    <message>
        <source>{path} may not be read.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>Não é permitido ler {path}.</translation>
    </message>
    <message>
        <source>{path} may not be written.</source>
        <extracomment>app/media/files.py</extracomment>
        <translation>Não é permitido gravar {path}.</translation>
    </message>
    <message>
        <source>{place} is a web page, not a stream.</source>
        <extracomment>app/sources/stream.py</extracomment>
        <translation>{place} é uma página da web, não uma transmissão.</translation>
    </message>
    <message>
        <source>{precision} on {threads}.</source>
        <extracomment>app/ui/texts/engine.py</extracomment>
        <translation>{precision} com {threads}.</translation>
    </message>
    <message>
        <source>{quality} ({cycles})</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>{quality} ({cycles})</translation>
    </message>
    <message>
        <source>{quality}, whatever time it takes.</source>
        <extracomment>app/ui/texts/quality.py</extracomment>
        <translation>{quality}, leve o tempo que levar.</translation>
    </message>
    <message>
        <source>{rate:.0f} fps</source>
        <extracomment>app/pipeline/measuring/bench.py</extracomment>
        <translation>{rate:.0f} fps</translation>
    </message>
    <message>
        <source>{rate} · age {age} · {dropped} dropped</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>{rate} · idade {age} · {dropped} perdidos</translation>
    </message>
    <message>
        <source>{reached:.0f} of {given:.0f} frames a second</source>
        <extracomment>app/ui/preview/state_text.py</extracomment>
        <translation>{reached:.0f} de {given:.0f} quadros por segundo</translation>
    </message>
    <message>
        <source>{reason}, so it cannot be written as {target}.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{reason}, por isso não pode ser gravado como {target}.</translation>
    </message>
    <message>
        <source>{scale} times as large</source>
        <extracomment>app/ui/texts/notices.py</extracomment>
        <translation>{scale} vezes maior</translation>
    </message>
    <message>
        <source>{setting}: less</source>
        <extracomment>app/ui/style/widgets.py</extracomment>
        <translation>{setting}: menos</translation>
    </message>
    <message>
        <source>{setting}: more</source>
        <extracomment>app/ui/style/widgets.py</extracomment>
        <translation>{setting}: mais</translation>
    </message>
    <message>
        <source>{shown} is neither a file nor an address.</source>
        <extracomment>app/sources/registry.py</extracomment>
        <translation>{shown} não é arquivo nem endereço.</translation>
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
        <translation>{source} é interrompido e não mudou desde que foi restaurado até esse ponto.</translation>
    </message>
    <message>
        <source>{source} changed while it was being restored.</source>
        <extracomment>app/batch/jobs/task.py</extracomment>
        <translation>{source} mudou durante a restauração.</translation>
    </message>
    <message>
        <source>{source} has {width}x{height} pixels, but an aligned face crop is square.</source>
        <extracomment>app/batch/worker.py</extracomment>
        <translation>{source} tem {width}x{height} pixels, mas um recorte alinhado de rosto é quadrado.</translation>
    </message>
    <message>
        <source>{source} is no picture, and a sheet is made of one.</source>
        <extracomment>app/batch/sheet.py</extracomment>
        <translation>{source} não é uma imagem, e uma folha é feita a partir de uma.</translation>
    </message>
    <message>
        <source>{source} is not square, as an aligned face crop is.</source>
        <extracomment>app/batch/sheet.py</extracomment>
        <translation>{source} não é quadrada, como é um recorte alinhado de rosto.</translation>
    </message>
    <message>
        <source>{target} cannot be written ({reason}).</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>Não é possível gravar {target} ({reason}).</translation>
    </message>
    <message>
        <source>{target} has no suffix of a video.</source>
        <extracomment>app/batch/videos/restore.py</extracomment>
        <translation>{target} não tem extensão de vídeo.</translation>
    </message>
    <message>
        <source>{target} is the input itself.</source>
        <extracomment>app/batch/jobs/plan.py</extracomment>
        <translation>{target} é a própria entrada.</translation>
    </message>
    <message>
        <source>{target} would have {width}x{height} pixels, more than any encoder here takes.</source>
        <extracomment>app/batch/videos/output.py</extracomment>
        <translation>{target} teria {width}x{height} pixels, mais do que qualquer codificador aqui aceita.</translation>
    </message>
    <message>
        <source>{text} has an address kind that is not known: {scheme}.</source>
        <extracomment>app/sources/registry.py</extracomment>
        <translation>{text} tem um tipo de endereço desconhecido: {scheme}.</translation>
    </message>
    <message>
        <source>{text} is no whole number of at least 1</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>{text} não é um número inteiro de pelo menos 1</translation>
    </message>
    <message>
        <source>{text} is not I/N with I from 1 to N, such as 3/16</source>
        <extracomment>app/cli/parser.py</extracomment>
        <translation>{text} não é I/N com I de 1 a N, como 3/16</translation>
    </message>
    <message>
        <source>{text} is not an address to serve at.</source>
        <extracomment>app/outputs/stream.py</extracomment>
        <translation>{text} não é um endereço em que servir.</translation>
    </message>
    <message>
        <source>{track} ({codec})</source>
        <extracomment>app/media/videos/tracks.py</extracomment>
        <translation>{track} ({codec})</translation>
    </message>
    <message>
        <source>{url}, {viewers} of {most} viewers</source>
        <extracomment>app/outputs/stream.py</extracomment>
        <translation>{url}, {viewers} de {most} espectadores</translation>
    </message>
    <message>
        <source>{used:.0f} of {most} %</source>
        <extracomment>app/ui/preview/overlay_model.py</extracomment>
        <translation>{used:.0f} de {most} %</translation>
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
        <translation>{what} A gravação terminou.</translation>
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
