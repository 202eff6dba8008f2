"""The codes that every service may answer; a capability registers its own beside its decisions."""

from __future__ import annotations

from libs.service.problems import register

_WAIT = "Send the same request again after Retry-After, with the same Idempotency-Key."
_WAIT_ZH = "请在 Retry-After 之后用相同的 Idempotency-Key 重新发送同一请求。"

register(
    "MALFORMED", 400, "The request cannot be read", zh="无法读取该请求",
    fix="Correct what `detail` names; sending it unchanged cannot help.", fix_zh="请按 detail 修正请求，原样重发无效。",
)  # fmt: skip
register(
    "IDEMPOTENCY_KEY_REQUIRED", 400, "The Idempotency-Key header is missing", zh="缺少 Idempotency-Key 请求头",
    fix="Send a new key (1 to 200 visible ASCII characters) for each intention and the same one when you repeat it.",
    fix_zh="每个新意图使用新的键（1 至 200 个可见 ASCII 字符），重发时使用相同的键。",
)  # fmt: skip
register(
    "CURSOR_INVALID", 400, "The cursor does not belong to this list", zh="游标不属于此列表",
    fix="Use `next` of the page before with the same filters, or start again without a cursor.",
    fix_zh="请使用上一页返回的 next 并保持相同筛选条件，或不带游标重新开始。",
)  # fmt: skip
register(
    "UNAUTHENTICATED", 401, "There is no valid access token", zh="没有有效的访问令牌",
    fix="Get a new access token and send it as Authorization: Bearer.",
    fix_zh="请获取新的访问令牌并以 Authorization: Bearer 发送。",
)  # fmt: skip
register(
    "NOT_PERMITTED", 403, "Your role does not allow this", zh="您的角色无权执行此操作",
    fix="Ask somebody with one of the named roles.", fix_zh="请联系具有所列角色的人员。",
)  # fmt: skip
register(
    "NOT_FOUND", 404, "There is no such thing", zh="对象不存在",
    fix="Check the id; things you may not see look the same.", fix_zh="请检查编号；您无权查看的对象同样显示为不存在。",
)  # fmt: skip
register("METHOD_NOT_ALLOWED", 405, "This method does not exist here", zh="此处不支持该方法",
         fix="See the Allow header.", fix_zh="请查看 Allow 响应头。")  # fmt: skip
register(
    "CONFLICT_STATE", 409, "The present state says no", zh="当前状态不允许此操作",
    fix="Read it again and decide again.", fix_zh="请重新读取后再操作。", retryable=True,
)  # fmt: skip
register(
    "CAPACITY", 409, "There is no capacity left", zh="容量已满", fix="Choose another, or wait.", fix_zh="请另选或稍候。"
)
register(
    "MERGED",
    410,
    "It was merged into another",
    zh="已合并到另一对象",
    fix="Use the id in `into`.",
    fix_zh="请使用 into 中的编号。",
)
register(
    "VERSION_CONFLICT", 412, "It has changed since you read it", zh="自您读取后已被修改",
    fix="Read it again, decide again, send the new ETag as If-Match.",
    fix_zh="请重新读取，并以新的 ETag 作为 If-Match。",
)  # fmt: skip
register(
    "TOO_LARGE",
    413,
    "The request is too large",
    zh="请求过大",
    fix="Send less at a time.",
    fix_zh="请减少单次发送的内容。",
)
register("URL_TOO_LONG", 414, "The URL is too long", zh="网址过长", fix="Send fewer parameters.", fix_zh="请减少参数。")
register(
    "UNSUPPORTED_MEDIA_TYPE", 415, "This content type is not taken here", zh="不支持该内容类型",
    fix="Send Content-Type: application/json, or what the API document names for this route.",
    fix_zh="请使用 Content-Type: application/json 或接口文档中列出的类型。",
)  # fmt: skip
register(
    "VALIDATION", 422, "The request does not fit", zh="请求不符合要求",
    fix="Correct the fields that `errors` points to.", fix_zh="请修正 errors 指出的字段。",
)  # fmt: skip
register(
    "RULE_VIOLATION", 422, "A rule says no", zh="不符合规则",
    fix="Do what `rules` asks for, then try again.", fix_zh="请按 rules 的要求处理后重试。",
)  # fmt: skip
register(
    "IDEMPOTENCY_MISMATCH", 422, "The key belongs to another request", zh="该键已用于另一请求",
    fix="Use a new Idempotency-Key for a new request.", fix_zh="新请求请使用新的 Idempotency-Key。",
)  # fmt: skip
register("IF_MATCH_REQUIRED", 428, "The If-Match header is missing", zh="缺少 If-Match 请求头",
         fix="Read it and send its ETag as If-Match.", fix_zh="请先读取并以其 ETag 作为 If-Match。")  # fmt: skip
register("POLICY_ACK_REQUIRED", 428, "A policy change must be acknowledged first", zh="须先确认政策变更",
         fix="Show it to the person and acknowledge it.", fix_zh="请向当事人展示并确认。")  # fmt: skip
register(
    "QUOTA",
    429,
    "The limit for now is used up",
    zh="当前额度已用完",
    fix="Wait until `resets_at`.",
    fix_zh="请等到 resets_at。",
)
register("RATE_LIMITED", 429, "Too many requests", zh="请求过于频繁", fix=_WAIT, fix_zh=_WAIT_ZH, retryable=True)
register(
    "HEADERS_TOO_LARGE",
    431,
    "The headers are too large",
    zh="请求头过大",
    fix="Send smaller headers.",
    fix_zh="请减小请求头。",
)
register("INTERNAL", 500, "Something is broken here", zh="服务内部错误",
         fix="Tell the operators the trace id.", fix_zh="请将 trace_id 告知运维人员。", retryable=True)  # fmt: skip
register("NOT_YET_VISIBLE", 503, "What you have seen has not arrived here yet", zh="您已看到的内容尚未同步到此处",
         fix=_WAIT, fix_zh=_WAIT_ZH, retryable=True)  # fmt: skip
register(
    "PARKED",
    503,
    "This entry waits for an operator",
    zh="该条目等待运维处理",
    fix="Tell the operators.",
    fix_zh="请联系运维人员。",
)
register("OVERLOADED", 503, "Too much waits to be served", zh="系统繁忙", fix=_WAIT, fix_zh=_WAIT_ZH, retryable=True)
register("UNAVAILABLE", 503, "The outcome is not known", zh="结果未知", fix=_WAIT, fix_zh=_WAIT_ZH, retryable=True)
register(
    "RESTORING", 503, "This service is being restored", zh="服务正在恢复", fix=_WAIT, fix_zh=_WAIT_ZH, retryable=True
)
