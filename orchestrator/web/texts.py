"""The few pages that the server draws itself, for when the web client cannot. zh-CN and English."""


def _page(title_zh: str, title_en: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="zh-CN">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title_zh} · {title_en}</title>\n</head>\n<body>\n<main>\n"
        f'<h1>{title_zh} <span lang="en">{title_en}</span></h1>\n{body}\n'
        "</main>\n</body>\n</html>\n"
    )


NO_CLIENT_PAGE = _page(
    "网页客户端尚未构建",
    "The web client is not built",
    "<p>服务器运行正常，但缺少网页文件。请在源代码目录中运行：</p>\n"
    "<pre>./scripts/run</pre>\n"
    "<p>它会构建网页客户端并启动产品。若已安装软件包，请重新安装：<code>pip install .</code></p>\n"
    '<div lang="en"><p>The server runs, but the files of its pages are missing. In the source '
    "folder, run <code>./scripts/run</code>: it builds the web client and starts the product. "
    "If it was installed as a package, install it again: <code>pip install .</code></p></div>",
)

MISSING_PAGE = _page(
    "没有这个文件",
    "There is no such file",
    "<p>请重新加载页面。</p>\n"
    '<p lang="en">Load the page again: the server may have been updated.</p>',
)

INSTALL_PAGE = _page(
    "安装根证书",
    "Install the root certificate",
    '<p><a href="/install/root.crt" download>下载根证书 '
    '<span lang="en">Download the root certificate</span> (plenary-root.crt)</a></p>\n'
    "<p>浏览器只在受信任的 HTTPS 页面上允许使用摄像头和麦克风。"
    "请只在您信任本服务器管理员时安装，安装后重新打开浏览器。</p>\n"
    "<ul>\n"
    "<li>Windows：双击文件 → 安装证书 → 本地计算机 → 受信任的根证书颁发机构。</li>\n"
    "<li>macOS：双击文件加入“系统”钥匙串，再将其设为“始终信任”。</li>\n"
    "<li>Linux：复制到 <code>/usr/local/share/ca-certificates/</code>，运行 "
    "<code>sudo update-ca-certificates</code>；Chromium 在“设置 → 隐私和安全 → 证书”中导入。</li>\n"
    "<li>Firefox：设置 → 隐私与安全 → 查看证书 → 证书颁发机构 → 导入，勾选“信任以标识网站”。</li>\n"
    "<li>Android：设置 → 安全 → 安装证书 → CA 证书。</li>\n"
    "<li>iPhone 不接受自行安装的根证书用于 WebSocket：请为服务器使用公共信任的证书。</li>\n"
    "</ul>\n"
    '<div lang="en">\n<p>Browsers allow camera and microphone only on trusted HTTPS pages. '
    "Install it only if you trust whoever runs this server, then open the browser again.</p>\n"
    "<ul>\n"
    "<li>Windows: double-click the file → Install Certificate → Local Machine → "
    "Trusted Root Certification Authorities.</li>\n"
    "<li>macOS: double-click the file to add it to the System keychain, then set it to "
    "“Always Trust”.</li>\n"
    "<li>Linux: copy it to <code>/usr/local/share/ca-certificates/</code> and run "
    "<code>sudo update-ca-certificates</code>; in Chromium import it under Settings → "
    "Privacy and security → Certificates.</li>\n"
    "<li>Firefox: Settings → Privacy &amp; Security → View Certificates → Authorities → Import, "
    "and tick “identify websites”.</li>\n"
    "<li>Android: Settings → Security → Install a certificate → CA certificate.</li>\n"
    "<li>iPhones refuse WebSockets with a root installed by hand: give the server a publicly "
    "trusted certificate.</li>\n"
    "</ul>\n</div>",
)
